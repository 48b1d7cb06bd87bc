import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { MailService } from '../../mail/mail.service.js';
import { AccountChanges } from '../../users/account-changes.js';
import type { User } from '../../users/user.entity.js';
import { UsersRepository } from '../../users/users.repository.js';
import { MfaRepository } from './mfa.repository.js';

type Versioned = Pick<User, 'id' | 'version'>;

/** Turns the second factor of an account on and off: the mark at the account, the trail, the sessions, and a mail to its owner. */
@Injectable()
export class MfaSwitch {
  constructor(
    private readonly users: UsersRepository,
    private readonly factors: MfaRepository,
    private readonly accounts: AccountChanges,
    private readonly mail: MailService,
    private readonly database: Database,
  ) {}

  /**
   * Joins the caller's transaction, or is one.
   * @param keeps_session - the session that goes on; all others of the user end.
   * @returns null when the user is no longer at that version.
   */
  turnOn(user: Versioned, keeps_session: string): Promise<User | null> {
    return this.turn(user, true, keeps_session);
  }

  /** As {@link turnOn}; the secret and the recovery codes are gone. */
  turnOff(user: Versioned, keeps_session?: string): Promise<User | null> {
    return this.database.transaction(async () => {
      const changed = await this.turn(user, false, keeps_session);
      if (changed) await this.factors.delete(user.id);
      return changed;
    });
  }

  private turn({ id, version }: Versioned, mfa_enabled: boolean, keeps_session?: string): Promise<User | null> {
    return this.database.transaction(async () => {
      const user = await this.users.update(id, version, { mfa_enabled });
      if (!user) return null;
      const action = mfa_enabled ? 'mfa_enabled' : 'mfa_disabled';
      await this.accounts.publish({ action, user, changes: ['mfa_enabled'], ...(keeps_session && { keeps_session }) });
      await this.mail.send({
        template: mfa_enabled ? 'mfa-enabled' : 'mfa-disabled',
        tenant_id: user.tenant_id,
        subject_id: id,
        dedupe_key: `${id}:${user.version}`,
        to: { name: user.full_name, address: user.email },
        data: { full_name: user.full_name },
      });
      return user;
    });
  }
}
