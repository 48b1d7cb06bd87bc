import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/access.js';
import { Database } from '../../database/database.js';
import { Limiter } from '../../limits/limiter.js';
import { PasswordAttempts } from '../../limits/password-attempts.js';
import { AccountChanges } from '../account-changes.js';
import { Authority } from '../authority.js';
import type { User } from '../user.entity.js';
import { InsufficientPermissionsError } from '../users.errors.js';
import { UsersService } from '../users.service.js';

/** What admins do for, or against, somebody who has lost hold of an account; the account itself stays as it is. */
@Injectable()
export class InterventionsService {
  constructor(
    private readonly users: UsersService,
    private readonly accounts: AccountChanges,
    private readonly attempts: PasswordAttempts,
    private readonly limiter: Limiter,
    private readonly authority: Authority,
    private readonly database: Database,
  ) {}

  /**
   * Ends all sessions of a user; whoever keeps them listens.
   * @throws {UserNotFoundError} no such user within reach.
   * @throws {InsufficientPermissionsError} a platform admin's, by an admin.
   */
  async logOut(actor: Principal, id: string): Promise<void> {
    await this.intervene(actor, id, (user) => this.accounts.publish({ action: 'user_logged_out', user, changes: [] }));
  }

  /**
   * Forgives the failed logins, the codes that were tried and the links that were asked for; the addresses that the user
   * is known at stay so.
   * @throws {UserNotFoundError} no such user within reach.
   * @throws {InsufficientPermissionsError} a platform admin's, by an admin.
   */
  async unlock(actor: Principal, id: string): Promise<void> {
    await this.intervene(actor, id, async (user) => {
      await this.attempts.forgive(user.email);
      await this.limiter.forgive({ mfa: user.id, recovery: user.email });
      await this.accounts.publish({ action: 'user_unlocked', user, changes: [] });
    });
  }

  private intervene(actor: Principal, id: string, work: (user: User) => Promise<void>): Promise<void> {
    return this.database.asPrincipal(actor, () =>
      this.database.transaction(async () => {
        // Nobody becomes a platform admin between the look and the deed.
        await this.database.lock(`account:${id}`);
        const user = await this.users.get(actor, id);
        const isOutOfReach = user.role === 'platform_admin' && actor.role !== 'platform_admin';
        if (isOutOfReach) throw new InsufficientPermissionsError();
        await this.authority.holdFor(actor, user);
        await work(user);
      }),
    );
  }
}
