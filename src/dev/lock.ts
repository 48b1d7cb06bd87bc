import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { PLACES } from './data-directory.js';
import { readIfThere, writeWhole } from './files.js';
import { until } from './processes.js';

/** What a process holds until it releases it or dies. */
export interface Lock {
  release(): Promise<void>;
}

/** Another process has the directory. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';

  constructor(
    directory: string,
    readonly pid: number | null,
  ) {
    super(`Another start (pid ${pid ?? 'unknown'}) uses ${directory}: end that one first, or set DATA_DIR.`);
  }
}

interface Holder {
  readonly pid: number | null;
  /** Whether the command that started it is gone, so that it is about to end. */
  readonly leaving: boolean;
}

const ANSWER_MS = 1_000;
const LEAVING_MS = 20_000;

/**
 * Takes the directory for this process. The lock dies with its holder, however that dies: it is a socket without a file,
 * or a file lock, and never a pid, which may be another process's by the time that somebody reads it.
 * A holder that is about to end is waited for.
 * @throws {AlreadyRunningError} another process has it.
 */
export async function lock(folder: string): Promise<Lock> {
  const directory = await realpath(folder);
  const pidFile = join(directory, 'pid');
  const refuse = (pid: number | null): never => {
    throw new AlreadyRunningError(folder, pid);
  };
  const held = await until(async () => {
    const taken = await hold(directory, join(directory, PLACES.lock));
    if (taken) return taken;
    const pid = Number(await readIfThere(pidFile)) || null;
    const holder = await ask(directory, pid);
    return holder && !holder.leaving ? refuse(holder.pid) : null;
  }, LEAVING_MS);
  if (!held) return refuse(null);
  await writeWhole(pidFile, String(process.pid));
  return {
    release: async () => {
      await rm(pidFile, { force: true });
      await held.release();
    },
  };
}

/**
 * Takes a name, for as long as this process lives.
 * @param file - what is locked where the system has no names without files.
 * @returns null when another process has it.
 */
export function hold(name: string, file: string): Promise<Lock | null> {
  const address = addressOf(name);
  return address ? listen(address) : lockFile(file);
}

/** Linux's abstract sockets and Windows' pipes: they have no file, and the system forgets them with the process. */
function addressOf(name: string): string | null {
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 32);
  if (process.platform === 'linux') return `\0omni-${digest}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\omni-${digest}` : null;
}

/** Takes the name, and tells whoever asks there who has it. */
const listen = (address: string): Promise<Lock | null> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      const holder: Holder = { pid: process.pid, leaving: process.connected === false };
      socket
        .unref()
        .on('error', () => undefined)
        .end(JSON.stringify(holder));
    });
    server
      .unref()
      .once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(null) : reject(error)));
    server.listen(address, () => resolve({ release: async () => void server.close() }));
  });

/** O_EXLOCK of macOS and the BSDs (their open(2)), which Node passes on and does not name. */
const EXCLUSIVE_LOCK = 0x20;

async function lockFile(file: string): Promise<Lock | null> {
  const { O_RDWR, O_CREAT, O_NONBLOCK } = constants;
  try {
    const handle = await open(file, O_RDWR | O_CREAT | O_NONBLOCK | EXCLUSIVE_LOCK, 0o600);
    return { release: () => handle.close() };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return null;
    throw error;
  }
}

/**
 * @param pid - who it was by the file: the answer where the holder cannot speak, since it is stopped or its lock is a file.
 * @returns null when the holder is gone by now.
 */
function ask(directory: string, pid: number | null): Promise<Holder | null> {
  const address = addressOf(directory);
  const silent = { pid, leaving: false };
  if (!address) return Promise.resolve(silent);
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(address)
      .setTimeout(ANSWER_MS, () => socket.destroy())
      .on('data', (chunk) => (said += chunk.toString()))
      .on('error', () => resolve(null))
      .on('close', () => resolve(holderFrom(said) ?? silent));
  });
}

function holderFrom(text: string): Holder | null {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return null;
  }
}
