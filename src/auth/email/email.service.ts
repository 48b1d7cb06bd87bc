import { Injectable } from '@nestjs/common';
import { TokenInvalidError } from '../../common/one-time-token.js';
import { Database } from '../../database/database.js';
import { AccountChanges } from '../../users/account-changes.js';
import type { User } from '../../users/user.entity.js';
import { UsersRepository } from '../../users/users.repository.js';
import { Accounts } from '../accounts.js';
import type { OneTimeTokenRow } from '../one-time-tokens/one-time-token.entity.js';
import { OneTimeTokensService } from '../one-time-tokens/one-time-tokens.service.js';

/** Addresses that prove to be somebody's. */
@Injectable()
export class EmailService {
  constructor(
    private readonly users: UsersRepository,
    private readonly accounts: Accounts,
    private readonly changes: AccountChanges,
    private readonly tokens: OneTimeTokensService,
    private readonly database: Database,
  ) {}

  /**
   * The address that the link was sent to is the account's, and verified. Where it is a new one, the sessions end, and
   * both addresses are told.
   * @throws {TokenInvalidError} unknown, used, expired, voided, or of somebody who is disabled.
   * @throws {EmailTakenError} somebody else has the address by now; the link stays good for its time.
   */
  async verify(token: string): Promise<void> {
    const found = await this.tokens.get(['email_verification', 'email_change'], token);
    await this.database.asSystem(() =>
      this.accounts.alter(found.user_id, async (user) => {
        const before = await this.tokens.findOwner(user);
        if (!before || (found.kind === 'email_verification' && found.email !== before.email)) {
          throw new TokenInvalidError();
        }
        return this.prove(before, found);
      }),
    );
  }

  /** @returns null when the account has changed meanwhile. */
  private async prove(before: User, found: OneTimeTokenRow): Promise<true | null> {
    const { email } = found;
    const isNew = email !== before.email;
    if (!isNew && before.email_verified) {
      await this.tokens.use(found);
      return true;
    }
    const user = await this.users.update(before.id, before.version, { email, email_verified: true });
    if (!user) return null;
    await this.tokens.use(found);
    const changes = (['email', 'email_verified'] as const).filter((field) => user[field] !== before[field]);
    await this.changes.publish({ action: 'user_updated', user, changes, old_email: before.email });
    return true;
  }
}
