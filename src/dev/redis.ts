import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { findProgram, isRoot, searchPath } from '../config/host.js';
import { randomPassword, readIfThere, writeWhole } from './files.js';
import {
  endProcess,
  EngineError,
  freePort,
  hasEnded,
  lastLines,
  run,
  until,
  type Engine,
  type Say,
} from './processes.js';

export interface RedisServer extends Engine {
  readonly pid: number;
}

export interface RedisOptions {
  /** Everything of this server: what it stores, its configuration, its pid and its log. */
  readonly directory: string;
  readonly say?: Say;
  /** Folders to look in for programs. */
  readonly path?: readonly string[];
}

/** The last two are what Debian's tools package holds: the same program, which acts by the name that it is called by. */
const PROGRAMS = ['redis-server', 'valkey-server', 'redis-check-rdb', 'valkey-check-rdb'];
const START_MS = 30_000;
const APT_MS = 180_000;
const TRIES = 5;

/**
 * Runs a Redis of our own on a free port of 127.0.0.1. A server that a killed process left behind in this directory is
 * stopped first: what it stored is kept.
 * @returns null where there is none and none can be had; it is said how to install one.
 * @throws {EngineError} there is one and it does not start; the message holds the end of its log.
 */
export async function startRedis(options: RedisOptions): Promise<RedisServer | null> {
  const { directory, say = () => undefined, path = searchPath() } = options;
  const program = findProgram(PROGRAMS, path) ?? (await install(path, say));
  if (!program) return null;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await endLeftRedis(directory, say);
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(program, directory);
    } catch (error) {
      if (attempt === TRIES || !/Address already in use/i.test((error as Error).message)) throw error;
    }
  }
}

/** As root on an apt system: the package of the tools, which brings no service along. */
async function install(path: readonly string[], say: Say): Promise<string | null> {
  const apt = isRoot() ? findProgram(['apt-get'], path) : null;
  if (apt) {
    say('There is no Redis on this machine: installing redis-tools (apt-get update, then apt-get install)');
    const wait = ['-o', 'DPkg::Lock::Timeout=120'];
    try {
      await run(apt, ['update', '-qq'], { timeout: APT_MS });
      await run(apt, [...wait, 'install', '-y', '-qq', '--no-install-recommends', 'redis-tools'], { timeout: APT_MS });
    } catch (error) {
      say(`apt-get failed: ${(error as Error).message.trim()}`);
    }
  }
  const program = findProgram(PROGRAMS, path);
  if (!program) say(ADVICE);
  return program;
}

const ADVICE = [
  'There is no Redis on this machine: queue, cache and limits live in this process. To have the real one, do one of',
  '  sudo apt install redis-server    sudo dnf install valkey    brew install redis',
  'or set REDIS_URL; then start again.',
].join('\n');

/** Everything is relative to the directory that the server works in, and the password is on no command line. */
const configuration = (port: number, password: string): string => `
bind 127.0.0.1
port ${port}
requirepass ${password}
appendonly yes
save ""
maxmemory-policy noeviction
logfile redis.log
`;

/**
 * Ends the server that a killed process left behind in this directory: whoever answers to the last start's password at the
 * last start's port.
 */
export async function endLeftRedis(directory: string, say: Say): Promise<void> {
  const last = await readIfThere(join(directory, 'redis.conf'));
  const [, port, password] = /^port (\d+)\nrequirepass (\w+)$/m.exec(last ?? '') ?? [];
  if (!port || !password) return;
  const pid = Number(/^process_id:(\d+)/m.exec(await ask(Number(port), password, 'INFO server'))?.[1]);
  if (!(pid > 0)) return;
  say(`Redis (pid ${pid}) was left behind by a start that was killed: stopping it`);
  await stop(pid);
}

/** TERM writes down what is not yet on disk. */
const stop = (pid: number): Promise<void> =>
  endProcess(pid, [
    [() => process.kill(pid, 'SIGTERM'), 15_000],
    [() => process.kill(pid, 'SIGKILL'), 5_000],
  ]);

async function launch(program: string, directory: string): Promise<RedisServer> {
  const port = await freePort();
  const password = randomPassword();
  const log = join(directory, 'redis.log');
  await rm(log, { force: true });
  await writeWhole(join(directory, 'redis.conf'), configuration(port, password));
  const argv0 = basename(program).replace('check-rdb', 'server');
  // A session of its own: a terminal's Ctrl-C must reach the application alone, which stops the engines last.
  const child = spawn(program, ['redis.conf'], {
    argv0,
    cwd: directory,
    detached: true,
    stdio: 'ignore',
    windowsHide: true,
  });
  child.unref();
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const stopChild = async (): Promise<void> => (hasEnded(child) ? undefined : stop(pid));
  const up = await until(
    async () => hasEnded(child) || (await ask(port, password, 'PING')).includes('+PONG'),
    START_MS,
  );
  if (up && !hasEnded(child)) return { url: `redis://:${password}@127.0.0.1:${port}`, port, pid, stop: stopChild };
  await stopChild();
  throw new EngineError(`Redis does not start; the end of ${log}:\n${await lastLines(log, 0)}`);
}

/** @returns what the server on this port says to the command; nothing when it is not there or not ours. */
const ask = (port: number, password: string, command: string): Promise<string> =>
  new Promise((resolve) => {
    let said = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(`AUTH ${password}\r\n${command}\r\nQUIT\r\n`))
      .setTimeout(1_000, () => socket.destroy())
      .on('data', (chunk) => (said += chunk.toString()))
      .on('error', () => undefined)
      .on('close', () => resolve(said.startsWith('+OK\r\n') ? said : ''));
  });
