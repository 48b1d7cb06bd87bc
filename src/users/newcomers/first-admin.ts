import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { DEFAULT_TENANT_ID } from '../../tenants/tenant.entity.js';
import { TenantsRepository } from '../../tenants/tenants.repository.js';
import { UsersRepository } from '../users.repository.js';
import { Newcomers } from './newcomers.js';

/** Makes the first platform admin, at any start at which there is none. Of several replicas one does it. */
@Injectable()
export class FirstAdmin implements OnApplicationBootstrap {
  private readonly logger = new Logger(FirstAdmin.name);

  constructor(
    private readonly settings: Settings,
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly tenants: TenantsRepository,
    private readonly newcomers: Newcomers,
  ) {}

  /** The database may be away at this moment: the service still starts, says so by its readiness, and the next start tries again. */
  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.database.asSystem(() => this.ensure());
    } catch (error) {
      this.logger.warn(`The first admin could not be looked for: ${(error as Error).name}`);
    }
  }

  private async ensure(): Promise<void> {
    if (await this.exists()) return;
    const { ADMIN_EMAIL, ADMIN_PASSWORD } = this.settings;
    if (!ADMIN_EMAIL || !ADMIN_PASSWORD) {
      this.logger.warn('There is no platform admin: set ADMIN_EMAIL and ADMIN_PASSWORD and start again');
      return;
    }
    const admin = await this.newcomers.make({
      tenant_id: DEFAULT_TENANT_ID,
      email: ADMIN_EMAIL,
      full_name: 'First admin',
      password: ADMIN_PASSWORD,
      may_be_common: true,
      role: 'platform_admin',
      email_verified: true,
    });
    await this.database.transaction(async () => {
      await this.tenants.lock([DEFAULT_TENANT_ID]);
      if (!(await this.exists())) await this.newcomers.admit(admin, { changes: ['role'] });
    });
  }

  private async exists(): Promise<boolean> {
    return (await this.users.countActive(['platform_admin'])) > 0;
  }
}
