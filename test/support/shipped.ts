import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atEnd } from './clean-up.js';
import { sendTo, type Send } from './client.js';
import { temporaryFolder } from './engines.js';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';
import { rawSettings, sharedStage, type TestSettings } from './stage.js';

export interface ShippedOptions {
  readonly settings?: TestSettings;
  /** All that it is told, but for where it listens; in place of the harness's own settings. */
  readonly environment?: Readonly<Record<string, string>>;
  /** JavaScript that runs in the process before the application. */
  readonly preload?: string;
  /** Where its log goes, in place of a pipe that the test reads: a file descriptor. */
  readonly stdout?: number;
}

const MAIN = join(import.meta.dirname, '../../dist/src/main.js');
const running = new Set<ChildProcess>();

atEnd(async () => {
  for (const child of running) child.kill('SIGKILL');
  await Promise.all([...running].map((child) => once(child, 'exit')));
});

/**
 * Starts the shipped program as production does, a replica of the file's other apps; without Redis in minimal mode.
 * @returns when it is ready.
 */
export async function startShipped(options: ShippedOptions = {}): Promise<Shipped> {
  const { preload = '', stdout } = options;
  const [port, opsPort] = [await freePort(), await freePort()];
  const raw = await environmentOf(options, { HOST: '127.0.0.1', PORT: String(port), OPS_PORT: String(opsPort) });
  // Somewhere without a developer's .env.
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'preload.mjs'), preload);
  const child = spawn(process.execPath, ['--import', './preload.mjs', MAIN], {
    env: { PATH: process.env['PATH'], ...raw },
    cwd,
    stdio: ['ignore', stdout ?? 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const shipped = new Shipped(child, `http://127.0.0.1:${port}`, `http://127.0.0.1:${opsPort}`);
  // A worker listens for operators alone.
  await shipped.ready(raw['PROCESS_ROLE'] === 'worker' ? shipped.opsUrl : shipped.url);
  return shipped;
}

async function environmentOf(
  { settings, environment }: ShippedOptions,
  address: Record<'HOST' | 'PORT' | 'OPS_PORT', string>,
): Promise<NodeJS.ProcessEnv> {
  if (environment) return { ...environment, ...address };
  const stage = await sharedStage();
  return rawSettings(stage, {
    NODE_ENV: 'production',
    ...address,
    PUBLIC_URL: `http://127.0.0.1:${address.PORT}`,
    OMNI_MINIMAL: stage.redisUrl ? '0' : '1',
    ...settings,
  });
}

/** The program as a process of its own. */
export class Shipped {
  readonly send: Send;
  private readonly output: string[] = [];
  private readonly errors: string[] = [];
  private readonly exit: Promise<number | null>;

  constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    readonly opsUrl: string,
  ) {
    this.send = sendTo(url);
    // Both streams have said all that they will.
    this.exit = once(child, 'close').then(([code]) => code as number | null);
    child.stdout?.on('data', (chunk) => this.output.push(String(chunk)));
    child.stderr?.on('data', (chunk) => this.errors.push(String(chunk)));
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** The lines of its log: as long as it runs, without one of which a part is still on its way. */
  get lines(): string[] {
    const lines = this.output.join('').split('\n');
    const runs = this.child.exitCode === null && this.child.signalCode === null;
    return (runs ? lines.slice(0, -1) : lines).filter(Boolean);
  }

  get stderr(): string {
    return this.errors.join('');
  }

  /** Its end of the pipe is full after a while, or breaks at once. */
  stopReading(how: 'pause' | 'destroy'): void {
    this.child.stdout?.removeAllListeners('data')[how]();
  }

  readAgain(): void {
    this.child.stdout?.on('data', (chunk) => this.output.push(String(chunk))).resume();
  }

  /** @returns the exit status. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.exit;
  }

  async ready(url: string): Promise<void> {
    await eventually(
      async () => {
        if (this.child.exitCode !== null) return true;
        return (await sendTo(url)('GET', '~/health/ready')).status === 200;
      },
      { within: 120_000 },
    );
    if (this.child.exitCode !== null)
      throw new Error(`It ended with ${this.child.exitCode} before it was ready:\n${this.stderr}`);
  }
}
