// Once before all test files that want engines: brings the build up to date (tests of whole processes run it), starts
// PostgreSQL, Redis and what stands in for MongoDB, and migrates the database that every test file gets a copy of.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrap } from '../../bin/bootstrap.mjs';
import { startMongo } from './mongo.mjs';
import { startPooler } from './pooler.mjs';
import { asSuperuser } from './superuser.mjs';

const { TEST_POSTGRES_URL, TEST_REDIS_URL, TEST_MONGODB_URL, CI } = process.env;
const { OMNI_TEST_ROLES, OMNI_TEST_USERS, OMNI_TEST_POOLER } = process.env;

/** Fewer connections to the server than one application has, and another time than it would ask for. */
const POOL = { connections: 8, milliseconds: 20_000 };

/** What the test files learn about the engines, through TEST_ENGINES: see engines.ts. */
export default async function setUp() {
  const reaper = startReaper();
  globalThis.testReaper = reaper;
  const directory = mkdtempSync(join(tmpdir(), 'omni-test-'));
  chmodSync(directory, 0o711);
  reaper.note('folder', directory);
  await bootstrap();
  const superUrl = TEST_POSTGRES_URL || (await startPostgres(directory, reaper));
  const redisUrl = TEST_REDIS_URL || (await startRedis(directory, reaper));
  const mongoUrl = TEST_MONGODB_URL || (await startMongoDB(reaper));
  const run = randomBytes(4).toString('hex');
  const users = OMNI_TEST_USERS === 'mongodb' ? 'mongodb' : 'postgresql';
  const template = await prepareTemplate(superUrl, `omni_test_${run}_template`);
  const pool = OMNI_TEST_POOLER ? POOL : null;
  if (pool) {
    const options = { directory: join(directory, 'pooler'), superUrl, appUrl: template.appUrl, ...pool };
    const { pid, url } = await startPooler(options);
    reaper.note('process', pid);
    template.appUrl = url;
  }
  process.env.TEST_ENGINES = JSON.stringify({ run, directory, superUrl, redisUrl, mongoUrl, users, pool, ...template });
}

/** A process of its own, so that engines and files go away even when this one is killed. */
function startReaper() {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'reaper.mjs')], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return {
    note: (kind, what) => child.stdin.write(`${JSON.stringify([kind, what])}\n`),
    finish: () => new Promise((resolve) => child.once('exit', resolve).stdin.end()),
  };
}

async function startPostgres(directory, reaper) {
  const { startPostgres: start } = await import('../../dist/src/dev/postgres.js');
  const { url, pid } = await start({ directory: join(directory, 'postgres') });
  reaper.note('process', pid);
  await asSuperuser(url, async (client) => {
    // Nothing here has to survive a power cut.
    for (const name of ['fsync', 'synchronous_commit', 'full_page_writes'])
      await client.query(`ALTER SYSTEM SET ${name} = off`);
    await client.query('SELECT pg_reload_conf()');
  });
  return url;
}

async function startRedis(directory, reaper) {
  const { startRedis: start } = await import('../../dist/src/dev/redis.js');
  const server = await start({ directory: join(directory, 'redis'), say: console.error });
  if (server) reaper.note('process', server.pid);
  else if (CI)
    throw new Error('There is no Redis, and with CI set nothing is left out: install one or set TEST_REDIS_URL');
  return server?.url ?? null;
}

/** @returns null where nothing can stand in for it: never with CI set. */
async function startMongoDB(reaper) {
  const { server, missing } = await startMongo();
  if (server) {
    reaper.note('process', server.pid);
    return server.url;
  }
  const sentence = `There is no MongoDB: set TEST_MONGODB_URL, or install what its stand-in wants (${missing})`;
  if (CI || OMNI_TEST_USERS) throw new Error(sentence);
  console.error(`${sentence}. What wants it is left out.`);
  return null;
}

/** The roles are nobody special: neither superuser nor BYPASSRLS. With OMNI_TEST_ROLES=one, the owner is the app. */
async function prepareTemplate(superUrl, database) {
  const { prepareDatabase } = await import('../../dist/src/dev/roles.js');
  const { migrate } = await import('../../dist/src/database/migrate.js');
  const owner = 'omni_test_owner';
  const app = OMNI_TEST_ROLES === 'one' ? owner : 'omni_test_app';
  const urls = await prepareDatabase(superUrl, { database, owner, app });
  await migrate(urls);
  return { template: database, ...urls };
}
