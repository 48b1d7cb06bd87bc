import { execFile, type ChildProcess } from 'node:child_process';
import { readFile, readlink, realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export const run = promisify(execFile);

/** An engine cannot be had; the message says why and what to do, so that no stack needs to be shown. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

/** Where an engine tells the person in front of the terminal what it does. */
export type Say = (sentence: string) => unknown;

/** An engine that was started or taken over, and can be reached. */
export interface Engine {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Asks again until the answer is neither null nor false. @returns null once `ms` have passed. */
export async function until<T>(question: () => Promise<T | null | false>, ms: number): Promise<T | null> {
  const deadline = Date.now() + ms;
  for (let pause = 10; ; pause = Math.min(pause * 1.5, 100)) {
    const answer = await question();
    if (answer !== null && answer !== false) return answer;
    if (Date.now() > deadline) return null;
    await sleep(pause);
  }
}

export const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Whether the process exists and still runs; one that only waits to be reaped does not. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return !(await isZombie(pid));
}

/** In a container whose first process reaps nobody, an orphan stays a zombie for good. */
async function isZombie(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return /^\d+ \(.*\) [ZX] /s.test(stat);
}

/**
 * Whether this process is the server that works in `directory`. A pid alone proves nothing: by the time that a pid file is
 * read it may be another program's.
 * @returns null where it lives, and the system does not let us see what it is.
 */
export async function worksIn(pid: number, directory: string, program: RegExp): Promise<boolean | null> {
  if (!(await isAlive(pid))) return false;
  if (process.platform === 'linux') return worksOnLinuxIn(pid, await realpath(directory));
  if (process.platform === 'win32') return true;
  const { stdout } = await run('ps', ['-p', String(pid), '-o', 'comm=']).catch(() => ({ stdout: '' }));
  return program.test(basename(stdout.trim()));
}

/**
 * Where another user's process works is hidden even from root where root may not trace, as in a container; how it was
 * called is not: the server was told its directory as `-D`.
 */
async function worksOnLinuxIn(pid: number, directory: string): Promise<boolean | null> {
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  if (cwd !== null) return cwd === directory;
  const args = await readFile(`/proc/${pid}/cmdline`, 'utf8').then(
    (text) => text.split('\0'),
    () => null,
  );
  if (args) return args.some((arg, at) => arg === '-D' && args[at + 1] === directory);
  return (await isAlive(pid)) ? null : false;
}

/**
 * Asks a process to end, in steps that grow ruder.
 * @param steps - what to send, and for how many milliseconds to wait for the end after it.
 * @throws {EngineError} it outlived every step.
 */
export async function endProcess(
  pid: number,
  steps: readonly (readonly [send: () => unknown, ms: number])[],
): Promise<void> {
  for (const [send, ms] of steps) {
    try {
      await send();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    if (await until(async () => !(await isAlive(pid)), ms)) return;
  }
  throw new EngineError(`The process ${pid} does not end`);
}

/** Whether nobody listens there; any other trouble with the address is for the real listener to tell. */
export const isFree = (port: number, host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'EADDRINUSE'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });

/** A port of 127.0.0.1 that the system says is free. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/**
 * The end of a log, for an error that explains itself.
 * @param from - bytes that were there before.
 */
export async function lastLines(file: string, from: number): Promise<string> {
  const text = (await readFile(file).catch(() => Buffer.alloc(0))).subarray(from).toString();
  return text.trimEnd().split('\n').slice(-8).join('\n');
}
