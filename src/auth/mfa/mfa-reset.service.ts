import { Injectable } from '@nestjs/common';
import type { SessionPrincipal } from '../../common/access.js';
import { Database } from '../../database/database.js';
import { Authority } from '../../users/authority.js';
import { InsufficientPermissionsError, UserNotFoundError } from '../../users/users.errors.js';
import { Accounts } from '../accounts.js';
import { MfaSwitch } from './mfa-switch.js';

/** For somebody who has lost the authenticator app and the recovery codes. */
@Injectable()
export class MfaResetService {
  constructor(
    private readonly mfaSwitch: MfaSwitch,
    private readonly accounts: Accounts,
    private readonly authority: Authority,
    private readonly database: Database,
  ) {}

  /**
   * Turns the second factor off, recovery codes and all; every session of the user ends. Does nothing where there is none.
   * On the own account nobody does without a code: that is what `MfaService.disable` is for.
   * @throws {UserNotFoundError} no such user within reach.
   * @throws {InsufficientPermissionsError} the own account, or a platform admin's by an admin; or the admin is one no more.
   */
  async reset(actor: SessionPrincipal, id: string): Promise<void> {
    if (actor.id === id) throw new InsufficientPermissionsError();
    await this.database.asPrincipal(actor, () =>
      this.accounts.alter(id, async (user) => {
        if (!user) throw new UserNotFoundError(id);
        const isAbove = user.role === 'platform_admin' && actor.role !== 'platform_admin';
        if (isAbove) throw new InsufficientPermissionsError();
        await this.authority.holdFor(actor, user);
        return user.mfa_enabled ? this.mfaSwitch.turnOff(user) : user;
      }),
    );
  }
}
