import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import { Probe } from '../common/probes.js';
import { traced } from '../common/trace.js';
import type { Sender } from '../config/addresses.js';
import { Settings } from '../config/settings.js';
import { Timings } from '../config/timings.js';
import { DELIVERIES_AT_ONCE } from '../database/outbox/outbox-dispatcher.js';
import { presentableName } from './names.js';

export interface OutgoingMail {
  /** The outbox row: the same mail has the same Message-ID, however often it is sent. */
  readonly id: string;
  readonly date: Date;
  readonly to: { readonly name: string; readonly address: string };
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** The mail server did not take it. Its own words are left out: they like to quote the address. */
export class MailNotSentError extends Error {
  override readonly name = 'MailNotSentError';

  /** @param code - the server's reply code, or what became of the connection. */
  constructor(readonly code: string | number) {
    super(`The mail server did not take a mail: ${code}`);
  }
}

interface SmtpFailure {
  readonly responseCode?: number;
  readonly code?: string;
}

/** Hands mails to the server in SMTP_URL, over a few connections that are kept open. */
@Injectable()
export class SmtpTransport implements OnApplicationShutdown {
  private readonly from: Sender;
  private readonly host: string;
  private readonly server: string;
  private readonly transport;
  /** What the server was found to be, and until when nobody asks again: well or badly. */
  private found: Promise<unknown> | undefined;
  private found_until = 0;

  constructor(
    { SMTP_URL, MAIL_FROM }: Settings,
    private readonly timings: Timings,
  ) {
    this.from = MAIL_FROM;
    this.host = this.from.address.replace(/^.*@/, '');
    this.server = SMTP_URL ? new URL(SMTP_URL).hostname : '';
    const wait_ms = timings.smtp_timeout_ms;
    this.transport = createTransport({
      url: SMTP_URL,
      pool: true,
      maxConnections: DELIVERIES_AT_ONCE,
      connectionTimeout: wait_ms,
      greetingTimeout: wait_ms,
      socketTimeout: wait_ms,
      dnsTimeout: wait_ms,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  /**
   * @param signal - breaks it off; the time for one mail is limited anyhow, however slowly the server talks.
   * @throws {MailNotSentError} nothing says that the server took it.
   */
  async send({ id, to, ...mail }: OutgoingMail, signal: AbortSignal): Promise<void> {
    const tooLate = AbortSignal.timeout(this.timings.smtp_timeout_ms);
    try {
      await traced({ name: 'send mail', kind: 'client', attributes: { 'server.address': this.server } }, () =>
        this.transport.sendMail({
          ...mail,
          from: this.from,
          to: { name: presentableName(to.name), address: to.address },
          messageId: `<${id}@${this.host}>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
          signal: AbortSignal.any([signal, tooLate]),
        }),
      );
    } catch (error) {
      const { responseCode, code = 'unknown' } = error as SmtpFailure;
      throw new MailNotSentError(tooLate.aborted ? 'ETIMEDOUT' : (responseCode ?? code));
    }
  }

  /**
   * Asks the server at most once in ten times `probe_ms`, however often we are asked, and whatever it says: it may count
   * connections, and one that fails has the more need to be spared.
   */
  @Probe({ name: 'smtp', critical: false })
  async probe(): Promise<void> {
    if (Date.now() >= this.found_until) {
      this.found_until = Infinity;
      this.found = this.transport.verify().finally(() => {
        this.found_until = Date.now() + 10 * this.timings.probe_ms;
      });
    }
    await this.found;
  }

  onApplicationShutdown(): void {
    this.transport.close();
  }
}
