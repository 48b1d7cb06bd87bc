import { Injectable } from '@nestjs/common';
import type { SessionPrincipal } from '../../common/access.js';
import { AccountChanges } from '../../users/account-changes.js';
import { Passwords } from '../../users/passwords.js';
import { UsersRepository } from '../../users/users.repository.js';
import { Accounts } from '../accounts.js';
import { InvalidTokenError } from '../auth.errors.js';
import { Reauthentication } from '../reauthentication.js';
import type { PasswordChange } from './password.dto.js';

/** A new password by who knows the old one. */
@Injectable()
export class PasswordChangeService {
  constructor(
    private readonly reauthentication: Reauthentication,
    private readonly accounts: Accounts,
    private readonly users: UsersRepository,
    private readonly passwords: Passwords,
    private readonly changes: AccountChanges,
  ) {}

  /**
   * All other sessions end, and the owner is told.
   * @throws {InvalidCredentialsError} the current password is wrong.
   * @throws {InvalidMfaCodeError} there is a second factor, and the code is missing, wrong or was used.
   * @throws {PasswordTooCommonError} the new one is easily guessed.
   * @throws {RateLimitedError} too many attempts, right or wrong.
   * @throws {OverloadedError} too many passwords are being hashed.
   */
  async change(actor: SessionPrincipal, { current_password, new_password, code }: PasswordChange): Promise<void> {
    const owner = await this.users.find(actor.id);
    if (!owner) throw new InvalidTokenError();
    const about = { owner, pointer: '#/new_password' };
    // Before a code is used up for nothing.
    this.passwords.assertFit(new_password, about);
    await this.reauthentication.byBoth(actor, { password: current_password, code }, async (proven) => {
      const password_hash = await this.passwords.hash(new_password, about);
      return this.accounts.whileAt(proven, () => this.write(actor, proven, password_hash));
    });
  }

  private async write(
    { session_id }: SessionPrincipal,
    { id, version }: { id: string; version: number },
    password_hash: string,
  ): Promise<true | null> {
    const user = await this.users.update(id, version, { password_hash });
    if (!user) return null;
    const changes = ['password_hash'] as const;
    await this.changes.publish({ action: 'authn_password_change', user, changes, keeps_session: session_id });
    return true;
  }
}
