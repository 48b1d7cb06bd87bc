import { Injectable } from '@nestjs/common';
import { Outbox } from '../database/outbox.js';
import type { MailData, Template } from './mails.js';

/** The outbox's topic, and the queue, of mails. */
export const MAIL = 'mail';

export interface Recipient {
  readonly name: string;
  readonly address: string;
}

/** What is kept, sealed, of a mail until it was sent. */
export type Mail = {
  [T in Template]: { readonly template: T; readonly to: Recipient; readonly data: MailData[T] };
}[Template];

export type MailRequest = Mail & {
  readonly tenant_id: string;
  /** The person whom it is about: deleting the account deletes what was not sent yet. */
  readonly subject_id?: string;
  /** The same for the same occasion, within one template: it is mailed once, however often this is called. */
  readonly dedupe_key: string;
};

/** The way for mail to leave. */
@Injectable()
export class MailService {
  constructor(private readonly outbox: Outbox) {}

  /**
   * Joins the caller's transaction: the mail leaves if and only if that commits, whether or not Redis or the mail server
   * can be reached just now. Delivered at least once.
   * @example
   * await this.mail.send({ template: 'welcome', tenant_id, dedupe_key: user.id, to: { name, address }, data: { full_name } });
   */
  send({ tenant_id, subject_id, dedupe_key, ...payload }: MailRequest): Promise<void> {
    return this.outbox.add({
      topic: MAIL,
      tenant_id,
      subject_id,
      dedupe_key: `${payload.template}:${dedupe_key}`,
      payload: payload satisfies Mail,
    });
  }
}
