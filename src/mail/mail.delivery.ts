import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../common/checkpoints.js';
import { Settings } from '../config/settings.js';
import { DeliversOutbox, type OutboxMessage } from '../database/outbox.js';
import { layOut } from './layout.js';
import { MAIL, type Mail } from './mail.service.js';
import { writeLetter } from './mails.js';
import { SmtpTransport } from './smtp.transport.js';

/** Turns a row of the outbox into a mail and hands it to the mail server. */
@Injectable()
export class MailDelivery {
  constructor(
    private readonly transport: SmtpTransport,
    private readonly settings: Settings,
    private readonly checkpoints: Checkpoints,
  ) {}

  @DeliversOutbox(MAIL)
  async deliver({ id, created_at, payload }: OutboxMessage<Mail>, signal: AbortSignal): Promise<void> {
    const { APP_NAME } = this.settings;
    const letter = writeLetter(payload.template, payload.data, APP_NAME);
    await this.transport.send({ id, date: created_at, to: payload.to, ...layOut(letter, APP_NAME) }, signal);
    await this.checkpoints.reach('mail.sent');
  }
}
