import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Repeats } from '../../common/repetitions.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { DEFAULT_TENANT_ID } from '../../tenants/tenant.entity.js';
import { TenantsRepository } from '../../tenants/tenants.repository.js';
import { EmailTakenError } from '../users.errors.js';
import { UsersRepository } from '../users.repository.js';
import { Newcomers } from './newcomers.js';

/**
 * Makes the first platform admin, at any start at which there is none; of several replicas one does it. Where the database
 * is away at that moment, or not migrated yet, the service starts all the same, and it is tried again until that is known.
 */
@Injectable()
export class FirstAdmin implements OnApplicationBootstrap {
  private readonly logger = new Logger(FirstAdmin.name);
  private settled: Promise<void> | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly tenants: TenantsRepository,
    private readonly newcomers: Newcomers,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.settle();
    } catch (error) {
      this.logger.warn(`The first admin could not be looked for: ${(error as Error).name}`);
    }
  }

  /** Asks nobody once it is known that there is one, or that this process makes none. */
  @Repeats({ what: 'Looking for the first admin', every: 'first_admin_ms', waits_first: true })
  async settle(): Promise<boolean> {
    this.settled ??= this.database.asSystem(() => this.ensure());
    await this.settled.catch((error: unknown) => {
      this.settled = undefined;
      throw error;
    });
    return false;
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
    try {
      await this.database.transaction(async () => {
        await this.tenants.lock([DEFAULT_TENANT_ID]);
        if (!(await this.exists())) await this.newcomers.admit(admin, { changes: ['role'] });
      });
    } catch (error) {
      if (!(error instanceof EmailTakenError)) throw error;
      this.logger.warn('There is no platform admin, and ADMIN_EMAIL is the address of somebody who is none');
    }
  }

  private async exists(): Promise<boolean> {
    return (await this.users.countActive(['platform_admin'])) > 0;
  }
}
