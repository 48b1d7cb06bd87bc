import { Injectable } from '@nestjs/common';
import { ExportsPersonalData, type ExportPage } from '../common/personal-data.js';
import type { User } from '../users/user.entity.js';
import { UsersRepository } from '../users/users.repository.js';

/** What the account itself says; the person's other things are told where they are kept. */
@Injectable()
export class AccountExporter {
  constructor(private readonly users: UsersRepository) {}

  @ExportsPersonalData({ part: 'account', tables: ['users'] })
  async export(user_id: string, { after }: ExportPage): Promise<Omit<User, 'password_hash' | 'username_key'>[]> {
    const user = after ? null : await this.users.find(user_id);
    if (!user) return [];
    const { id, tenant_id, email, username, full_name, role, status } = user;
    const { email_verified, mfa_enabled, version, created_at, updated_at } = user;
    return [
      {
        id,
        tenant_id,
        email,
        username,
        full_name,
        role,
        status,
        email_verified,
        mfa_enabled,
        version,
        created_at,
        updated_at,
      },
    ];
  }
}
