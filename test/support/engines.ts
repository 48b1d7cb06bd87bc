import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { migrate } from '../../src/database/migrate.js';
import { startPostgres, type PostgresServer } from '../../src/dev/postgres.js';
import { isAlive } from '../../src/dev/processes.js';
import { startRedis, type RedisServer } from '../../src/dev/redis.js';
import { prepareDatabase } from '../../src/dev/roles.js';
import { eventually } from './eventually.js';

/** Less than a test file waits for what it has left open. */
const IDLE_MS = 500;

/** The engines of this run, as global-setup.mjs started them. */
interface Engines {
  /** In the names of all its databases. */
  readonly run: string;
  /** For files; deleted at the end. */
  readonly directory: string;
  readonly superUrl: string;
  /** Null where there is none: never with CI set. */
  readonly redisUrl: string | null;
  /** Null where nothing can stand in for it: never with CI set. */
  readonly mongoUrl: string | null;
  /** Where the apps under test have their users: see bin/test.mjs. */
  readonly users: 'postgresql' | 'mongodb';
  /** What PgBouncer gives the application's role, where it stands between; else null. */
  readonly pool: { readonly connections: number; readonly milliseconds: number } | null;
  readonly template: string;
  /** The template's URLs, by a pooler or not. */
  readonly ownerUrl: string;
  readonly appUrl: string;
}

export function engines(): Engines {
  const text = process.env['TEST_ENGINES'];
  if (!text) throw new Error('This test wants engines: it belongs into test/contract, test/e2e or test/faults');
  return JSON.parse(text) as Engines;
}

/** For what wants a real Redis: where there is none (never with CI set) it is left out, and shown as such. */
export const describeWithRedis = engines().redisUrl ? describe : describe.skip;

/** The same for MongoDB, or what stands in for it. */
export const describeWithMongo = engines().mongoUrl ? describe : describe.skip;

/** For what is about the table of users, which is empty where all apps have them in MongoDB. */
export const describeWithUsersTable = engines().users === 'postgresql' ? describe : describe.skip;

export const temporaryFolder = (): string => mkdtempSync(join(engines().directory, 'file-'));

type Role = 'superuser' | 'owner' | 'app';

/** A migrated database that nobody else uses, and one of MongoDB beside it. */
export class TestDatabase {
  /** Of a database that is not there before somebody writes; null where there is no MongoDB. */
  readonly mongoUrl = newMongoUrl();

  private constructor(private readonly urls: Readonly<Record<Role, string>>) {}

  static async create(): Promise<TestDatabase> {
    const { run, template, superUrl, ownerUrl, appUrl } = engines();
    const name = `omni_test_${run}_${randomBytes(6).toString('hex')}`;
    const [owner, app] = [ownerUrl, appUrl].map((url) => `"${decodeURIComponent(new URL(url).username)}"`);
    await query(superUrl, `CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${owner}`);
    await query(superUrl, `REVOKE ALL ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT ON DATABASE ${name} TO ${app}`);
    const at = (url: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;
    return new TestDatabase({ superuser: at(superUrl), owner: at(ownerUrl), app: at(appUrl) });
  }

  /** One that is there already. */
  static at(urls: Readonly<Record<Role, string>>): TestDatabase {
    return new TestDatabase(urls);
  }

  /** A migrated one on a server of its own. */
  static async on(superUrl: string): Promise<TestDatabase> {
    const names = { database: 'omni_test', owner: 'omni_test_owner', app: 'omni_test_app' };
    const { ownerUrl: owner, appUrl: app } = await prepareDatabase(superUrl, names);
    await migrate({ ownerUrl: owner, appUrl: app });
    return new TestDatabase({
      superuser: Object.assign(new URL(superUrl), { pathname: '/omni_test' }).href,
      owner,
      app,
    });
  }

  url(role: Role): string {
    return this.urls[role];
  }

  query<Row = any>(role: Role, text: string, parameters: unknown[] = []): Promise<Row[]> {
    return query<Row>(this.urls[role], text, parameters);
  }
}

function newMongoUrl(): string | null {
  const { run, mongoUrl } = engines();
  return mongoUrl && withDatabase(mongoUrl, `omni_test_${run}_${randomBytes(6).toString('hex')}`);
}

/** A URL that may name a replica set, which WHATWG's `URL` cannot read. */
function withDatabase(url: string, name: string): string {
  const [, server = '', options = ''] = /^(mongodb(?:\+srv)?:\/\/[^/?]+)\/?[^?]*(\?.*)?$/.exec(url) ?? [];
  return `${server}/${name}${options}`;
}

const pools = new Map<string, Pool>();

/** Connections are kept for the next question, since making one costs more than most questions; not for longer. */
function poolOf(url: string): Pool {
  const known = pools.get(url);
  if (known) return known;
  const pool = new Pool({ connectionString: url, max: 4, idleTimeoutMillis: IDLE_MS, allowExitOnIdle: true });
  // A test may end connections, or their server.
  pool.on('error', () => undefined);
  pools.set(url, pool);
  return pool;
}

async function query<Row>(url: string, text: string, parameters: unknown[] = []): Promise<Row[]> {
  const { rows } = await poolOf(url).query(text, parameters.length > 0 ? parameters : undefined);
  return rows as Row[];
}

/** Of Redis's sixteen databases, what each of Jest's two workers has. */
const PLACES = 8;

/**
 * A database of the run's Redis, emptied; null where there is no Redis. The first one of a file is nobody else's; the
 * others take turns, since a file may want many, one after the other.
 */
export async function emptyRedis(index: number): Promise<string | null> {
  const { redisUrl } = engines();
  if (!redisUrl) return null;
  const worker = Number(process.env['JEST_WORKER_ID']) % 2;
  const place = index === 0 ? 0 : 1 + ((index - 1) % (PLACES - 1));
  const url = Object.assign(new URL(redisUrl), { pathname: `/${worker * PLACES + place}` }).href;
  const redis = new Redis(url);
  await redis.flushdb();
  await redis.quit();
  return url;
}

/** A Redis that a test may flush, stop or kill; stop it at the end. */
export async function ownRedis(): Promise<RedisServer> {
  const server = await startRedis({ directory: temporaryFolder() });
  if (!server) throw new Error('There is no Redis here: this belongs below describeWithRedis');
  return server;
}

/** A PostgreSQL that a test may stop as hard as it likes; it keeps what it has acknowledged, as any other. */
export class OwnPostgres {
  private constructor(
    private server: PostgresServer,
    private readonly folder: string,
    readonly database: TestDatabase,
  ) {}

  static async start(): Promise<OwnPostgres> {
    const folder = join(temporaryFolder(), 'postgres');
    const server = await startPostgres({ directory: folder });
    return new OwnPostgres(server, folder, await TestDatabase.on(server.url));
  }

  /** As `pg_ctl stop -m immediate`: nobody is waited for, and the next start recovers. */
  async stopHard(): Promise<void> {
    const { pid } = this.server;
    process.kill(pid, 'SIGQUIT');
    await eventually(async () => !(await isAlive(pid)), { within: 15_000 });
  }

  /** Where it was before. */
  async startAgain(): Promise<void> {
    this.server = await startPostgres({ directory: this.folder, port: this.server.port });
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
