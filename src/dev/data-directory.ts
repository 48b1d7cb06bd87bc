import { mkdir, realpath, stat } from 'node:fs/promises';
import { ENGINES_FILE } from '../config/command-settings.js';
import { isRoot } from '../config/host.js';
import { EngineError } from './processes.js';

/** What DATA_DIR holds. */
export const PLACES = {
  postgres: 'postgres',
  redis: 'redis',
  mails: 'mails',
  secret_key: 'secret_key',
  admin: 'admin.json',
  engines: ENGINES_FILE,
  lock: 'lock',
} as const;

/**
 * Makes DATA_DIR where there is none. Whatever is in it is for its owner alone; made by root, others may walk through it,
 * since the database server runs as another user.
 * @returns its real path.
 * @throws {EngineError} it cannot be made, or is another user's.
 */
export async function ownDirectory(name: string): Promise<string> {
  await mkdir(name, { recursive: true, mode: isRoot() ? 0o711 : 0o700 }).catch((error: Error) => {
    throw new EngineError(`${name} cannot be made (${error.message}): set DATA_DIR to a folder that you may write to.`);
  });
  const directory = await realpath(name);
  await requireOwner(directory);
  return directory;
}

/** @throws {EngineError} the directory is another user's: what we put there, its owner could not use. */
export async function requireOwner(directory: string): Promise<void> {
  const { uid } = await stat(directory);
  const self = process.getuid?.() ?? uid;
  if (uid === self) return;
  throw new EngineError(
    `${directory} belongs to user ${uid}, and you are user ${self}: be that user, or set DATA_DIR.`,
  );
}
