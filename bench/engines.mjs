// The engines of one run: a PostgreSQL, a Redis and a mail server that takes everything, in a temporary folder. Whatever
// is begun for a run is ended with it, also when somebody presses Ctrl-C.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { SMTPServer } from 'smtp-server';
import { onEnd } from '../bin/application.mjs';

/** @type {(() => Promise<unknown>)[]} */
const endings = [];
/** @type {Promise<void> | undefined} */
let ended;

/** Calls `end` when the run is over; what was begun last ends first. @param {() => Promise<unknown>} end */
export const atEnd = (end) => void endings.push(end);

/** Ends whatever is still there. What does not end keeps nothing else from it. */
export function endAll() {
  ended ??= (async () => {
    for (let end = endings.pop(); end; end = endings.pop()) await end().catch((error) => console.error(error));
  })();
  return ended;
}

/** A shell says so of a command that Ctrl-C ended. */
const EX_INTERRUPTED = 130;
onEnd(() => void endAll().finally(() => process.exit(EX_INTERRUPTED)));

/**
 * @typedef {object} Engines
 * @property {string} superUrl - PostgreSQL as the one role that row-level security does not bind.
 * @property {string} appUrl - PostgreSQL as the application has it.
 * @property {string} redisUrl
 * @property {string} smtpUrl
 * @property {pg.Pool} pool - as the superuser, for whoever prepares and looks on.
 * @property {{ postgres: string, redis: string }} versions
 */

/** @returns {Promise<Engines>} with all tables there, and nothing in them. */
export async function startEngines() {
  const [{ startPostgres }, { startRedis }, { prepareDatabase }, { migrate }] = await Promise.all([
    import('../dist/src/dev/postgres.js'),
    import('../dist/src/dev/redis.js'),
    import('../dist/src/dev/roles.js'),
    import('../dist/src/database/migrate.js'),
  ]);
  const directory = await mkdtemp(join(tmpdir(), 'omni-bench-'));
  atEnd(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const postgres = await startPostgres({ directory: join(directory, 'postgres') });
  atEnd(() => postgres.stop());
  const redis = await startRedis({ directory: join(directory, 'redis') });
  if (!redis) throw new Error('There is no Redis on this machine: install redis-server');
  atEnd(() => redis.stop());
  const names = { database: 'omni', owner: 'omni_owner', app: 'omni_app' };
  const { appUrl, ownerUrl } = await prepareDatabase(postgres.url, names);
  await migrate({ ownerUrl, appUrl });
  const superUrl = Object.assign(new URL(postgres.url), { pathname: names.database }).href;
  const pool = new pg.Pool({ connectionString: superUrl, max: 2 });
  atEnd(() => pool.end());
  const versions = { postgres: await postgresVersion(pool), redis: await redisVersion(redis.url) };
  return { superUrl, appUrl, redisUrl: redis.url, smtpUrl: await startMailServer(), pool, versions };
}

/** @param {pg.Pool} pool */
async function postgresVersion(pool) {
  const { rows } = await pool.query('SHOW server_version');
  return rows[0].server_version;
}

/** @param {string} url */
async function redisVersion(url) {
  const { Redis } = await import('ioredis');
  const client = new Redis(url);
  const [, version = ''] = /^redis_version:(\S+)/m.exec(await client.info('server')) ?? [];
  await client.quit();
  return version;
}

/** @returns {Promise<string>} where a server takes every mail and keeps none. */
async function startMailServer() {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    onData(stream, _session, callback) {
      stream.on('end', () => callback()).resume();
    },
  });
  // Connections that break when the application ends.
  server.on('error', () => undefined);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  atEnd(() => new Promise((resolve) => server.close(() => resolve(undefined))));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.server.address());
  return `smtp://127.0.0.1:${port}`;
}
