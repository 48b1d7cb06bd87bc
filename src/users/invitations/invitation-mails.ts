import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { Outbox } from '../../database/outbox.js';
import { MailService } from '../../mail/mail.service.js';
import type { Invitation } from './invitation.entity.js';

/** The letter that an invitation is, which holds the only copy of its token. */
@Injectable()
export class InvitationMails {
  constructor(
    private readonly mail: MailService,
    private readonly outbox: Outbox,
    private readonly settings: Settings,
  ) {}

  /** Joins the caller's transaction. */
  send({ id, tenant_id, email }: Invitation, token: string, tenant_name: string): Promise<void> {
    const url = `${this.settings.ACCOUNT_URL}/invitation#token=${token}`;
    return this.mail.send({
      template: 'invitation',
      tenant_id,
      subject_id: id,
      dedupe_key: id,
      to: { name: '', address: email },
      data: { tenant_name, url },
    });
  }

  /** What has not left yet stays here. Joins the caller's transaction. */
  async cancel(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.outbox.erase(id);
  }
}
