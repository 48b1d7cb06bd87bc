import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { searchPath } from '../config/host.js';
import { keep, randomPassword, readIfThere } from './files.js';
import { findSite, handOver, type Site } from './postgres/guise.js';
import { findInstallation } from './postgres/installations.js';
import {
  endProcess,
  EngineError,
  freePort,
  hasEnded,
  lastLines,
  run,
  until,
  worksIn,
  type Engine,
  type Say,
} from './processes.js';

export interface PostgresServer extends Engine {
  readonly pid: number;
  /** Where its files really are. */
  readonly directory: string;
}

export interface PostgresOptions {
  /** Everything of this server: `data`, `password` (the superuser's) and `postgres.log`. */
  readonly directory: string;
  /** A port that it must have; any free one without it. */
  readonly port?: number;
  readonly say?: Say;
  /** The version that new data is made by; the newest one at hand without it. */
  readonly major?: number;
  /** Folders to look in for programs. */
  readonly path?: readonly string[];
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 200,
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  logging_collector: 'off',
};
const LOG_BYTES = 5 * 1024 * 1024;
const START_MS = 60_000;
/** What passes by itself: backends of a killed server that have not noticed yet, a port that somebody took meanwhile. */
const PASSING = /shared memory block|lock file ".*" already exists|could not bind|could not create any TCP\/IP sockets/;
const BACK_OFF_MS = [100, 300, 900];

/**
 * Runs a PostgreSQL of our own on 127.0.0.1, and makes its data at the first start. A server that a killed process left
 * behind on this data is stopped first: what it acknowledged is kept.
 * The caller sees to it that nobody else starts one in the same directory.
 * @returns the server, with the superuser's URL.
 * @throws {EngineError} it cannot be had; the message holds the end of its log.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { directory: folder, port, say = () => undefined, path = searchPath() } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const made = await readIfThere(join(folder, 'data', 'PG_VERSION'));
  const installation = await findInstallation(path, made === null ? options.major : Number(made.trim()));
  await endLeftPostgres(folder, say);
  const site = await findSite(installation, folder, path, say);
  const data = join(site.directory, 'data');
  const password = await passwordOf(site.directory, made !== null);
  if (made === null) await initialise(site, data, password);
  await shorten(join(site.directory, 'postgres.log'));
  for (let attempt = 0; ; attempt++) {
    try {
      return await launch(site, port ?? (await freePort()), password);
    } catch (error) {
      const pause = BACK_OFF_MS[attempt];
      if (pause === undefined || !PASSING.test((error as Error).message)) throw error;
      await sleep(pause);
    }
  }
}

async function passwordOf(directory: string, initialised: boolean): Promise<string> {
  const file = join(directory, 'password');
  if (initialised && (await readIfThere(file)) === null)
    throw new EngineError(`${file} is gone, and the data without use: \`npm run reset\` deletes it.`);
  return keep(file, randomPassword);
}

/** Makes the data under another name first, so that `data` is whole whenever it exists. */
async function initialise({ installation, guise, directory }: Site, data: string, password: string): Promise<void> {
  const leftovers = (await readdir(directory)).filter((name) => name.startsWith('draft-'));
  for (const name of leftovers) await rm(join(directory, name), { recursive: true, force: true, maxRetries: 5 });
  const draft = join(directory, `draft-${randomPassword().slice(0, 8)}`);
  await mkdir(draft, { mode: 0o700 });
  const secret = join(draft, 'password');
  await keep(secret, () => password);
  await handOver(draft, guise.user);
  const options = [
    `--pgdata=${join(draft, 'data')}`,
    `--pwfile=${secret}`,
    '--username=postgres',
    '--auth=scram-sha-256',
  ];
  const [program = '', ...args] = [...guise.prefix, installation.initdb, ...options, ...localeOf(installation.major)];
  await run(program, args, { ...guise.user }).catch((error: Error & { stderr?: string }) => {
    throw new EngineError(`PostgreSQL cannot make its data in ${directory}:\n${error.stderr || error.message}`);
  });
  await rename(join(draft, 'data'), data);
  await rm(draft, { recursive: true });
}

/** The same order and letter case on every machine; before version 17 the system has to know it. */
const localeOf = (major: number): string[] => [
  '--encoding=UTF8',
  ...(major >= 17 ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : ['--locale=C.UTF-8']),
];

/**
 * Ends the server that a killed process left behind, and clears away a `postmaster.pid` whose pid is known to mean another
 * process by now: PostgreSQL itself would refuse to start for it. Where nobody can tell it is left to PostgreSQL, since two
 * servers on the same data would spoil them.
 */
export async function endLeftPostgres(folder: string, say: Say): Promise<void> {
  const data = join(folder, 'data');
  const file = join(data, 'postmaster.pid');
  const pid = Number((await readIfThere(file))?.split('\n')[0]);
  if (!(pid > 0)) return;
  const ours = await worksIn(pid, data, /^postgres/);
  if (ours === null) return;
  if (!ours) return rm(file, { force: true });
  say(`PostgreSQL (pid ${pid}) was left behind by a start that was killed: stopping it`);
  await stop(pid);
}

/** INT is a fast shutdown, QUIT an immediate one that recovers at the next start. */
const stop = (pid: number): Promise<void> =>
  endProcess(pid, [
    [() => send(pid, 'INT'), 15_000],
    [() => send(pid, 'QUIT'), 5_000],
  ]);

/** Windows has no signals: there PostgreSQL's own tool brings them. */
async function send(pid: number, signal: 'INT' | 'QUIT'): Promise<void> {
  if (process.platform !== 'win32') process.kill(pid, `SIG${signal}`);
  else await run((await findInstallation(searchPath())).pg_ctl, ['kill', signal, String(pid)]);
}

async function shorten(log: string): Promise<void> {
  if ((await stat(log).catch(() => ({ size: 0 }))).size > LOG_BYTES) await rename(log, `${log}.1`);
}

async function launch(site: Site, port: number, password: string): Promise<PostgresServer> {
  const { installation, guise, directory } = site;
  const log = join(directory, 'postgres.log');
  const settings = Object.entries({ ...SETTINGS, port }).map(([name, value]) => `--${name}=${value}`);
  const [program = '', ...args] = [...guise.prefix, installation.postgres, '-D', join(directory, 'data'), ...settings];
  const output = openSync(log, 'a', 0o600);
  const { size: logged } = fstatSync(output);
  // A session of its own: a terminal's Ctrl-C must reach the application alone, which stops the engines last.
  const child = spawn(program, args, {
    ...guise.user,
    detached: true,
    stdio: ['ignore', output, output],
    windowsHide: true,
  });
  child.unref();
  closeSync(output);
  await once(child, 'spawn');
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  const pid = child.pid ?? 0;
  const stopChild = async (): Promise<void> => (hasEnded(child) ? undefined : stop(pid));
  try {
    await answers(child, url, { file: log, from: logged });
  } catch (error) {
    await stopChild();
    throw error;
  }
  return { url, port, pid, directory, stop: stopChild };
}

/** Waits for a connection with the password, which nobody else's server on this port would let in. */
async function answers(child: ChildProcess, url: string, log: { file: string; from: number }): Promise<void> {
  let socket = new Socket();
  child.once('exit', () => socket.destroy());
  const up = await until(async () => hasEnded(child) || (await connects(url, (socket = new Socket()))), START_MS);
  if (up === true && !hasEnded(child)) return;
  const reason = up === null ? `did not answer within ${START_MS / 1_000} s` : 'ended at once';
  throw new EngineError(`PostgreSQL ${reason}; the end of ${log.file}:\n${await lastLines(log.file, log.from)}`);
}

async function connects(url: string, socket: Socket): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000, stream: () => socket });
  client.on('error', () => undefined);
  return client.connect().then(
    () => client.end().then(() => true),
    () => false,
  );
}
