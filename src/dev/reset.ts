import { readdir, realpath, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isRoot } from '../config/host.js';
import type { RawSettings } from '../config/read-settings.js';
import '../config/settings.js';
import { variables } from '../config/variable.js';
import { PLACES, requireOwner } from './data-directory.js';
import { lock } from './lock.js';
import { endLeftPostgres } from './postgres.js';
import { isMoved } from './postgres/guise.js';
import type { Say } from './processes.js';
import { endLeftRedis } from './redis.js';

/**
 * Deletes what development keeps in DATA_DIR, and nothing else that may be there.
 * @param raw - the environment; nothing but DATA_DIR is looked at, so that no other mistake stands in the way.
 * @param say - hears what is deleted.
 * @throws {AlreadyRunningError} a start uses it.
 * @throws {EngineError} it is another user's.
 */
export async function reset(raw: RawSettings, say: Say): Promise<void> {
  const name = raw['DATA_DIR'] || variables().get('DATA_DIR')?.default || '';
  const directory = await realpath(name).catch(() => null);
  if (!directory) return void say(`Nothing to delete: there is no ${name}`);
  if (!isRoot()) await requireOwner(directory);
  const held = await lock(directory);
  try {
    await endLeftPostgres(join(directory, PLACES.postgres), say);
    await endLeftRedis(join(directory, PLACES.redis), say);
    for (const place of Object.values(PLACES)) await remove(join(directory, place), say);
  } finally {
    await held.release();
  }
  const others = await readdir(directory);
  if (others.length > 0) return void say(`Left in ${directory}: ${others.join(', ')}`);
  await rmdir(directory);
}

/** Where the files were moved away, with them the folder that they were moved to. */
async function remove(entry: string, say: Say): Promise<void> {
  const real = await realpath(entry).catch(() => null);
  if (!real) return rm(entry, { force: true });
  say(`Deleting ${real}`);
  await rm(isMoved(real) ? dirname(real) : real, { recursive: true, maxRetries: 3 });
  await rm(entry, { force: true });
}
