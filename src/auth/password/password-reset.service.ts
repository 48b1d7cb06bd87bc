import { Injectable } from '@nestjs/common';
import { TokenInvalidError } from '../../common/one-time-token.js';
import { Database } from '../../database/database.js';
import { AccountChanges } from '../../users/account-changes.js';
import { Passwords } from '../../users/passwords.js';
import type { User } from '../../users/user.entity.js';
import { UsersRepository } from '../../users/users.repository.js';
import { Accounts } from '../accounts.js';
import type { OneTimeTokenRow } from '../one-time-tokens/one-time-token.entity.js';
import { OneTimeTokensService } from '../one-time-tokens/one-time-tokens.service.js';
import type { PasswordReset } from './password.dto.js';

/** A new password by who reads the account's mail. */
@Injectable()
export class PasswordResetService {
  constructor(
    private readonly accounts: Accounts,
    private readonly users: UsersRepository,
    private readonly passwords: Passwords,
    private readonly tokens: OneTimeTokensService,
    private readonly changes: AccountChanges,
    private readonly database: Database,
  ) {}

  /**
   * Sets the password and logs nobody in: a second factor stays what it is. All that the old password opened ends
   * (`reason: 'reset'` says so to who keeps it), and so does a bar to logins. Whoever opened the link reads the mail of
   * the address, which is verified by that.
   * @throws {TokenInvalidError} unknown, used, expired, voided, or of somebody who is disabled.
   * @throws {PasswordTooCommonError} the password is easily guessed; the link stays good.
   * @throws {OverloadedError} too many passwords are being hashed.
   */
  async reset({ token, password }: PasswordReset): Promise<void> {
    const found = await this.tokens.get(['password_reset'], token);
    await this.database.asSystem(async () => {
      const owner = await this.users.find(found.user_id);
      if (!owner) throw new TokenInvalidError();
      // Before the transaction: nobody waits for it.
      const password_hash = await this.passwords.hash(password, { owner });
      await this.accounts.alter(owner.id, (user) => this.write(user, found, password_hash));
    });
  }

  /** @returns null when the account has changed meanwhile. */
  private async write(seen: User | null, found: OneTimeTokenRow, password_hash: string): Promise<true | null> {
    const before = await this.tokens.findOwner(seen);
    if (!before || before.email !== found.email) throw new TokenInvalidError();
    const user = await this.users.update(before.id, before.version, { password_hash, email_verified: true });
    if (!user) return null;
    await this.tokens.use(found);
    const changes = before.email_verified
      ? (['password_hash'] as const)
      : (['password_hash', 'email_verified'] as const);
    await this.changes.publish({ action: 'authn_password_change', user, changes, reason: 'reset' });
    return true;
  }
}
