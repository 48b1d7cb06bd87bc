import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import { modeOf } from '../config/mode.js';
import { readSettings, type RawSettings } from '../config/read-settings.js';
import type { Settings } from '../config/settings.js';
import { bannerFor } from './banner.js';
import { ownDirectory, PLACES } from './data-directory.js';
import { keep, randomPassword, writeWhole } from './files.js';
import { Inbox } from './inbox.js';
import { hold, lock, type Lock } from './lock.js';
import { MailboxModule } from './mailbox/mailbox.module.js';
import { startPostgres } from './postgres.js';
import { isFree, type Engine, type Say } from './processes.js';
import { startRedis } from './redis.js';
import { NAMES, prepareDatabase } from './roles.js';

/** What development runs beside the application, and what the application must know of it. */
export interface Engines {
  /** What readSettings() gets on top of the environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** What the application gets on top of its own modules. */
  readonly modules: DynamicModule[];
  /** What is not as one would expect it, a sentence each. */
  readonly notes: readonly string[];
  /** What to print once the application listens. */
  banner(settings: Settings): string;
  /** Ends what was started, the database last. To be called once the application is closed. */
  stop(): Promise<void>;
}

/** As a shell says it of a command that Ctrl-C ended. */
const EX_INTERRUPTED = 130;
const ADMIN_EMAIL = 'admin@omni.localhost';

/**
 * Brings what has no URL: PostgreSQL, Redis and an SMTP inbox; makes once the secrets that development needs; finds free
 * ports where none was asked for.
 * @param raw - the environment.
 * @param say - hears of every step.
 * @throws {InvalidSettingsError}
 * @throws {AlreadyRunningError} another process uses DATA_DIR.
 * @throws {EngineError} an engine cannot be had; what was started before it is stopped.
 */
export async function startEngines(raw: RawSettings, { say }: { say: Say }): Promise<Engines> {
  const settings = readSettings(raw, { engines: true });
  const directory = await ownDirectory(settings.DATA_DIR);
  const held = await lock(directory);
  const development = new Development(raw, settings, directory, say);
  const begun = development.begin();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stopAll(development, held));
  endEarly(() => begun.catch(() => undefined).then(stop));
  await begun.catch(async (error: unknown) => {
    await stop().catch(() => undefined);
    throw error;
  });
  const { variables, modules, notes } = development;
  return { variables, modules, notes, stop, banner: (final) => bannerFor(final, development) };
}

async function stopAll(development: Development, held: Lock): Promise<void> {
  try {
    await development.stop();
  } finally {
    await held.release();
  }
}

/** What ends a start that is not over yet: the application listens to none of these before it serves. */
function endEarly(stop: () => Promise<unknown>): void {
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect'])
    process.on(event, () => {
      if (process.listenerCount(event) === 1) void stop().finally(() => process.exit(EX_INTERRUPTED));
    });
}

/** The state of one start. */
class Development {
  readonly variables: Record<string, string> = {};
  readonly modules: DynamicModule[] = [];
  readonly notes: string[] = [];
  private readonly engines = new Map<keyof typeof PLACES, Engine>();
  private readonly heldPorts: Lock[] = [];

  constructor(
    private readonly raw: RawSettings,
    private readonly settings: Settings,
    private readonly directory: string,
    private readonly say: Say,
  ) {}

  /** Where the admin's password can be read again; null when it was given. */
  get admin_file(): string | null {
    return this.raw['ADMIN_PASSWORD'] ? null : this.place('admin');
  }

  get mailbox(): boolean {
    return this.engines.has('mails');
  }

  async begin(): Promise<void> {
    const brought = await Promise.allSettled([this.postgres(), this.redis(), this.inbox()]);
    for (const one of brought) if (one.status === 'rejected') throw one.reason;
    await this.secrets();
    await this.ports();
    await this.publish();
  }

  /** One that does not stop keeps no other from it. */
  async stop(): Promise<void> {
    const failures: unknown[] = [];
    await rm(this.place('engines'), { force: true });
    for (const name of ['mails', 'redis', 'postgres'] as const)
      await this.engines
        .get(name)
        ?.stop()
        .catch((error: unknown) => failures.push(error));
    for (const port of this.heldPorts) await port.release();
    if (failures.length > 0) throw failures[0];
  }

  private async postgres(): Promise<void> {
    if (this.settings.POSTGRES_URL) return;
    const server = await this.start('postgres', 'PostgreSQL', startPostgres);
    if (!server) return;
    const { appUrl, ownerUrl } = await prepareDatabase(server.url, NAMES);
    this.set({ POSTGRES_URL: appUrl, POSTGRES_OWNER_URL: ownerUrl });
    if (server.directory !== this.place('postgres'))
      this.notes.push(`PostgreSQL keeps its files in ${server.directory}`);
  }

  private async redis(): Promise<void> {
    if (this.settings.REDIS_URL || !modeOf(this.settings).redis) return;
    const server = await this.start('redis', 'Redis', startRedis);
    if (server) this.set({ REDIS_URL: server.url });
    else this.notes.push('Without Redis: queue, cache and limits live in this process');
  }

  private async inbox(): Promise<void> {
    if (this.settings.SMTP_URL) return;
    const inbox = await this.start('mails', 'SMTP inbox', (options) => Inbox.start(options));
    if (!inbox) return;
    this.set({ SMTP_URL: inbox.url });
    this.modules.push(MailboxModule.for(inbox));
  }

  private async secrets(): Promise<void> {
    if (!this.raw['SECRET_KEY']) {
      const make = (): string => randomBytes(48).toString('base64');
      this.set({ SECRET_KEY: await keep(this.place('secret_key'), make) });
    }
    const asked = this.raw['ADMIN_EMAIL'] || ADMIN_EMAIL;
    if (this.raw['ADMIN_PASSWORD']) return this.set({ ADMIN_EMAIL: asked });
    const make = (): string => JSON.stringify({ email: asked, password: randomPassword() });
    const { email, password } = JSON.parse(await keep(this.place('admin'), make)) as Record<
      'email' | 'password',
      string
    >;
    this.set({ ADMIN_EMAIL: email, ADMIN_PASSWORD: password });
  }

  /** The two default ports skip each other, whichever of them was given. */
  private async ports(): Promise<void> {
    const { HOST, OPS_HOST, PORT, OPS_PORT } = this.settings;
    const port = this.raw['PORT'] ? PORT : await this.nextPort(PORT, HOST, OPS_PORT);
    const ops = this.raw['OPS_PORT'] ? OPS_PORT : await this.nextPort(OPS_PORT, OPS_HOST, port);
    this.set({ PORT: String(port), OPS_PORT: String(ops) });
    if (port !== PORT) this.notes.push(`Port ${PORT} is taken: the API listens on ${port}`);
  }

  /** Tells the commands that work beside this process where the engines are. */
  private async publish(): Promise<void> {
    await writeWhole(this.place('engines'), JSON.stringify(this.variables));
  }

  private place(name: keyof typeof PLACES): string {
    return join(this.directory, PLACES[name]);
  }

  /** Holds the port's name too: another start must not find it free before the application listens. */
  private async nextPort(port: number, host: string, skipped: number): Promise<number> {
    const name = `omni-port-${port}`;
    const held = port === skipped ? null : await hold(name, join(tmpdir(), name));
    if (held && (await isFree(port, host))) {
      this.heldPorts.push(held);
      return port;
    }
    await held?.release();
    return this.nextPort(port + 1, host, skipped);
  }

  private set(variables: Record<string, string>): void {
    Object.assign(this.variables, variables);
  }

  private async start<T extends Engine>(
    name: keyof typeof PLACES,
    title: string,
    start: (options: { directory: string; say: Say }) => Promise<T | null>,
  ): Promise<T | null> {
    const begun = Date.now();
    const engine = await start({ directory: this.place(name), say: this.say });
    if (!engine) return null;
    this.engines.set(name, engine);
    this.say(`${title} on port ${engine.port} (${((Date.now() - begun) / 1_000).toFixed(1)} s)`);
    return engine;
  }
}
