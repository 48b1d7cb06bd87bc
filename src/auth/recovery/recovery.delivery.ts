import { Injectable } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { DeliversOutbox, type OutboxMessage } from '../../database/outbox.js';
import { MailService } from '../../mail/mail.service.js';
import type { User } from '../../users/user.entity.js';
import { UsersRepository } from '../../users/users.repository.js';
import { Accounts } from '../accounts.js';
import { OneTimeTokensService } from '../one-time-tokens/one-time-tokens.service.js';
import { RECOVERY, type RecoveryRequest } from './recovery.service.js';

/** Looks into requests for a link, and mails one where there is somebody to get it. */
@Injectable()
export class RecoveryDelivery {
  constructor(
    private readonly users: UsersRepository,
    private readonly accounts: Accounts,
    private readonly tokens: OneTimeTokensService,
    private readonly mail: MailService,
    private readonly database: Database,
  ) {}

  @DeliversOutbox(RECOVERY)
  async deliver({ payload }: OutboxMessage<RecoveryRequest>): Promise<void> {
    await this.database.asSystem(async () => {
      const found = await this.users.findCredentials(payload.email);
      if (!found) return;
      await this.accounts.alter(found.id, async (user) => {
        const owner = await this.tokens.findOwner(user);
        if (owner && wants(owner, payload)) await this.send(owner, payload);
        return true;
      });
    });
  }

  private async send(user: User, { kind, email }: RecoveryRequest): Promise<void> {
    const { id, tenant_id, full_name } = user;
    const url = await this.tokens.issueLink(kind, user, email);
    await this.mail.send({
      template: kind === 'password_reset' ? 'reset-password' : 'verify-email',
      tenant_id,
      subject_id: id,
      // Never another mail's: delivered twice, a request makes two links, and the newer must be the one that arrives.
      dedupe_key: uuidv7(),
      to: { name: full_name, address: email },
      data: { full_name, url },
    });
  }
}

/** The address may have changed hands since it was looked up. */
const wants = ({ email, email_verified }: User, request: RecoveryRequest): boolean =>
  email === request.email && (request.kind === 'password_reset' || !email_verified);
