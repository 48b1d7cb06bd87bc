import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Timings } from '../../src/config/timings.js';
import { atEnd } from './clean-up.js';
import { sendTo, type Send } from './client.js';
import { rawSettings, sharedStage, SHORT_TIMINGS, type TestSettings } from './stage.js';

export interface ProcessOptions {
  readonly settings?: TestSettings;
  readonly timings?: Partial<Timings>;
  /** Node's own variables: the application's come as settings. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The checkpoint at which it kills itself. */
  readonly die_at?: string;
  /** How many requests are there when it does. */
  readonly die_with?: number;
  /** The checkpoint at which it stops, until it is sent a SIGCONT. */
  readonly stop_at?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<ChildProcess>();

atEnd(async () => {
  for (const child of running) child.kill('SIGKILL');
  await Promise.all([...running].map((child) => once(child, 'exit')));
});

/**
 * Starts a process of the shipped build, a replica of the file's other apps: same database, inbox, Redis and secret.
 * @returns when it answers requests.
 */
export async function startProcess({
  settings,
  timings,
  environment,
  ...ends
}: ProcessOptions = {}): Promise<TestProcess> {
  const raw = rawSettings(await sharedStage(), settings);
  const child = fork(join(import.meta.dirname, 'process-entry.mjs'), {
    env: {
      PATH: process.env['PATH'],
      ...environment,
      TEST_PROCESS: JSON.stringify({ raw, timings: { ...SHORT_TIMINGS, ...timings }, ...ends }),
    },
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(String(chunk)));
  running.add(child);
  const exit = once(child, 'exit').then(([code, signal]): Exit => {
    running.delete(child);
    return { code, signal };
  });
  const ready = once(child, 'message').then(([{ url }]) => url as string);
  const url = await Promise.race([ready, exit.then(() => null)]);
  if (url === null) throw new Error(`The process ended before it was ready:\n${output.join('')}`);
  const stopped = once(child, 'message').then(() => undefined);
  stopped.catch(() => undefined);
  return new TestProcess(child, { url, exit, output, stopped });
}

interface Life {
  readonly url: string;
  readonly exit: Promise<Exit>;
  readonly output: readonly string[];
  readonly stopped: Promise<void>;
}

export class TestProcess {
  readonly url: string;
  /** When it has ended, and how. */
  readonly exit: Promise<Exit>;
  /** What it has printed. */
  readonly output: readonly string[];
  /** When it is at the checkpoint at which it was to stop. */
  readonly stopped: Promise<void>;
  readonly send: Send;

  constructor(
    private readonly child: ChildProcess,
    { url, exit, output, stopped }: Life,
  ) {
    this.url = url;
    this.exit = exit;
    this.output = output;
    this.stopped = stopped;
    this.send = sendTo(url);
  }

  /** Has one that has stopped continue. */
  wake(): void {
    this.child.kill('SIGCONT');
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.child.kill(signal);
    return this.exit;
  }
}
