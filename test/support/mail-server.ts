import type { AddressInfo } from 'node:net';
import { simpleParser, type ParsedMail } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { atEnd } from './clean-up.js';

/** A mail that the server has taken. */
export interface TakenMail {
  readonly message_id: string;
  readonly to: readonly string[];
  readonly parsed: ParsedMail;
}

const servers = new Set<MailServer>();

atEnd(() => Promise.all([...servers].map((server) => server.stop())));

/** A mail server that behaves as badly as a test wants; what it takes, it tells. */
export class MailServer {
  readonly taken: TakenMail[] = [];
  /** The reply code for every recipient from now on; null: everybody is known. */
  refuses: number | null = null;
  /** Waited for between the last byte of a mail and the reply. */
  beforeReply: () => Promise<unknown> = () => Promise.resolve();
  /** How many mails have come to that point. */
  heard = 0;

  private readonly server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    closeTimeout: 100,
    onRcptTo: ({ address }, _, answer) => {
      const refusal = Object.assign(new Error(`Nobody here is called ${address}`), { responseCode: this.refuses });
      answer(this.refuses ? refusal : null);
    },
    onData: (stream, { envelope }, answer) => {
      this.take(
        stream,
        envelope.rcptTo.map(({ address }) => address),
      ).then(() => answer(null), answer);
    },
  });

  private constructor() {
    this.server.on('error', () => undefined);
    servers.add(this);
  }

  static async start(): Promise<MailServer> {
    const server = new MailServer();
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', () => resolve()));
    return server;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.server.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    if (servers.delete(this)) await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async take(stream: Parameters<typeof simpleParser>[0], to: string[]): Promise<void> {
    const parsed = await simpleParser(stream);
    this.heard += 1;
    await this.beforeReply();
    this.taken.push({ message_id: parsed.messageId ?? '', to, parsed });
  }
}
