import { Injectable } from '@nestjs/common';
import { AuditService } from '../../audit/audit.service.js';
import { MailService } from '../../mail/mail.service.js';
import { UsersRepository } from '../../users/users.repository.js';
import type { Session } from './session.entity.js';
import { SessionsRepository } from './sessions.repository.js';

/** What happens when a refresh token turns out to have been copied. */
@Injectable()
export class StolenTokens {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly users: UsersRepository,
    private readonly audit: AuditService,
    private readonly mail: MailService,
  ) {}

  /**
   * Ends the session, whichever of its holders is the thief, and tells its owner. Joins the transaction in which the caller
   * holds the session: so it happens once.
   */
  async stop({ id, user_id, tenant_id }: Pick<Session, 'id' | 'user_id' | 'tenant_id'>): Promise<void> {
    await this.sessions.delete(user_id, { id });
    await this.audit.record({
      tenant_id,
      action: 'authn_token_reuse',
      outcome: 'failure',
      subject: { type: 'session', id },
    });
    const user = await this.users.find(user_id);
    if (!user) return;
    const { full_name, email } = user;
    await this.mail.send({
      template: 'token-reuse',
      tenant_id,
      subject_id: user_id,
      dedupe_key: id,
      to: { name: full_name, address: email },
      data: { full_name },
    });
  }
}
