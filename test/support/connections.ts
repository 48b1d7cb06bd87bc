import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { prepareDatabase, type DatabaseUrls } from '../../src/dev/roles.js';
import type { TestApp } from './app.js';
import { engines } from './engines.js';
import { eventually } from './eventually.js';

const userOf = (url: string): string => decodeURIComponent(new URL(url).username);

/** Whether the owner of the tables is the app's role too, as with one URL. */
export const oneRole = (): boolean => userOf(engines().ownerUrl) === userOf(engines().appUrl);

/** The superuser's URL of the database that another URL names. */
export const superUrlOf = (url: string): string =>
  Object.assign(new URL(engines().superUrl), { pathname: new URL(url).pathname }).href;

/** A database without any table, for the roles of the others. */
export function emptyDatabase(): Promise<DatabaseUrls> {
  const { run, superUrl, ownerUrl, appUrl } = engines();
  const database = `omni_test_${run}_${randomBytes(6).toString('hex')}`;
  return prepareDatabase(superUrl, { database, owner: userOf(ownerUrl), app: userOf(appUrl) });
}

/** One connection, for as long as `work` takes. */
export async function connected<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Which rows a connection sees: see `src/database/scope.ts`. */
export const setScope = (scope: 'none' | 'system' | { tenant_id: string }): string =>
  `SELECT set_config('app.system', '${scope === 'system' ? 'on' : ''}', true),
          set_config('app.tenant_id', '${typeof scope === 'object' ? scope.tenant_id : ''}', true)`;

/** Within a transaction that is rolled back. */
export const within = <T>(
  url: string,
  scope: Parameters<typeof setScope>[0],
  work: (client: Client) => Promise<T>,
): Promise<T> =>
  connected(url, async (client) => {
    await client.query(`BEGIN; ${setScope(scope)}`);
    return work(client);
  });

/** Runs a statement, and holds what it locked while `work` runs. */
export const whileLocked = <T>(app: TestApp, sql: string, parameters: unknown[], work: () => Promise<T>): Promise<T> =>
  connected(app.settings.POSTGRES_URL, async (client) => {
    // However long it takes, also where the role's transactions may not idle.
    await client.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; ${setScope('system')}`);
    await client.query(sql, parameters);
    return work();
  });

/** Holds a user, as a change does or a login, wherever users are, while `work` runs. */
export const whileUserHeld = <T>(
  app: TestApp,
  id: string,
  work: () => Promise<T>,
  how: 'alone' | 'shared' = 'alone',
): Promise<T> => {
  const sql = app.settings.MONGODB_URL
    ? `SELECT pg_advisory_xact_lock${how === 'shared' ? '_shared' : ''}(hashtextextended('user:' || $1, 0))`
    : `SELECT 1 FROM users WHERE id = $1 FOR ${how === 'shared' ? 'SHARE' : 'UPDATE'}`;
  return whileLocked(app, sql, [id], work);
};

/** What workers line up for by themselves, now and then, whatever a test does. */
const QUEUES = ['webhook-deliveries', 'reconciliation-runs'];

/** Waits until so many statements of the app's database wait for somebody's lock, and not for a moment only. */
export const lockWaits = (app: TestApp, count = 1, within = 30_000): Promise<unknown> =>
  eventually(
    async () => {
      const waiting = await app.sql(
        `SELECT 1 FROM pg_stat_activity a WHERE datname = current_database() AND wait_event_type = 'Lock'
         AND query_start < clock_timestamp() - interval '150 milliseconds' AND NOT EXISTS (SELECT FROM pg_locks l JOIN unnest($1::text[]) AS queue
           ON hashtextextended(queue, 0) = (l.classid::bigint << 32) | l.objid::bigint
           WHERE l.pid = a.pid AND NOT l.granted AND l.locktype = 'advisory')`,
        [QUEUES],
      );
      return waiting.length >= count;
    },
    { within },
  );
