import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { uuidv7 } from '../common/uuid.js';
import { writeWhole } from './files.js';
import type { Engine, Say } from './processes.js';

/** What was delivered, as `/dev/mailbox.json` gives it out. */
export interface Mail {
  readonly id: string;
  /** The sender's address, as the mail names it. */
  readonly from: string;
  /** The addresses that it was delivered to. */
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string | null;
  readonly html: string | null;
  readonly received_at: string;
}

export interface InboxOptions {
  /** Where the mails are kept, a file for each. */
  readonly directory: string;
  /** A port that it must have; any free one without it. */
  readonly port?: number;
  /** How many mails are kept. */
  readonly keep?: number;
  readonly say?: Say;
}

const KEPT = 500;
const MAX_BYTES = 10 * 1024 * 1024;
const CLOSE_MS = 1_000;

/** Takes every mail on 127.0.0.1, and keeps the newest across restarts. No TLS, no password: for development alone. */
export class Inbox implements Engine {
  private readonly server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    size: MAX_BYTES,
    rejectOversized: true,
    closeTimeout: CLOSE_MS,
    onData: (stream, session, answer) => {
      this.receive(stream, session).then(
        () => answer(null),
        (error: Error) => answer(error),
      );
    },
  });
  private readonly mails: Mail[] = [];
  private last = 0;

  private constructor(
    private readonly directory: string,
    private readonly kept: number,
    private readonly say: Say,
  ) {
    // A client that hangs up is its own affair, and must not end the process.
    this.server.on('error', () => undefined);
  }

  static async start({ directory, port = 0, keep = KEPT, say = () => undefined }: InboxOptions): Promise<Inbox> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const inbox = new Inbox(directory, keep, say);
    await inbox.load();
    await inbox.listen(port);
    return inbox;
  }

  get port(): number {
    return (this.server.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  /** Newest first. */
  list(): readonly Mail[] {
    return this.mails.toSorted((one, other) => (one.id < other.id ? 1 : -1));
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', () => resolve());
    });
  }

  /** Ids are ordered by time, and a file is named after its mail's. */
  private async load(): Promise<void> {
    const names = (await readdir(this.directory)).toSorted();
    for (const name of names) {
      if (!name.endsWith('.json')) await rm(join(this.directory, name), { force: true });
      else await this.loadFile(name);
    }
    this.last = Date.parse(this.mails.at(-1)?.received_at ?? '') || 0;
    await this.prune();
  }

  private async loadFile(name: string): Promise<void> {
    try {
      this.mails.push(JSON.parse(await readFile(join(this.directory, name), 'utf8')) as Mail);
    } catch (error) {
      this.say(`The mail ${join(this.directory, name)} cannot be read and is left out: ${(error as Error).message}`);
    }
  }

  /** The mail is on disk before the sender hears that we have it. */
  private async receive(stream: SMTPServerDataStream, { envelope }: SMTPServerSession): Promise<void> {
    const source = await contentOf(stream);
    if (!source) return;
    const {
      from,
      subject = '',
      text,
      html,
    } = await simpleParser(source, { skipHtmlToText: true, skipTextToHtml: true });
    this.last = Math.max(Date.now(), this.last + 1);
    const mail: Mail = {
      id: uuidv7(this.last),
      from: from?.value[0]?.address ?? (envelope.mailFrom ? envelope.mailFrom.address : ''),
      to: envelope.rcptTo.map(({ address }) => address),
      subject,
      text: text || null,
      html: html || null,
      received_at: new Date(this.last).toISOString(),
    };
    await writeWhole(this.fileOf(mail), JSON.stringify(mail));
    this.mails.push(mail);
    await this.prune();
  }

  private async prune(): Promise<void> {
    for (const mail of this.mails.splice(0, Math.max(0, this.mails.length - this.kept)))
      await rm(this.fileOf(mail), { force: true });
  }

  private fileOf({ id }: Mail): string {
    return join(this.directory, `${id}.json`);
  }
}

/** @returns null when it is larger than the server takes, which then refuses it by itself once it was read to its end. */
async function contentOf(stream: Readable & { sizeExceeded: boolean }): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (stream.sizeExceeded) chunks.length = 0;
    else chunks.push(chunk);
  }
  return stream.sizeExceeded ? null : Buffer.concat(chunks);
}
