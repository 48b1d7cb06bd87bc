import { DataSource } from 'typeorm';
import { Timings } from '../../src/config/timings.js';
import { dataSourceOptions, loadMigrations } from '../../src/database/data-source.js';
import { migrate } from '../../src/database/migrate.js';
import type { DatabaseUrls } from '../../src/dev/roles.js';
import { startApp } from '../support/app.js';
import { connected, emptyDatabase, oneRole, superUrlOf } from '../support/connections.js';
import { startProcess } from '../support/process.js';
import { PATIENT } from '../support/visitors.js';

const query = (url: string, sql: string): Promise<any[]> =>
  connected(url, async (client) => (await client.query(sql)).rows);

/** Tables, columns, constraints, indexes, policies, triggers and functions, as text. */
const schemaOf = async ({ ownerUrl }: DatabaseUrls): Promise<string[]> => {
  const rows = await query(
    ownerUrl,
    `SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) AS line FROM information_schema.columns WHERE table_schema = 'public'
     UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
     UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
     UNION ALL SELECT concat_ws(' ', tablename, policyname, qual, with_check) FROM pg_policies WHERE schemaname = 'public'
     UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT tgisinternal AND c.relnamespace = 'public'::regnamespace
     UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
     ORDER BY 1`,
  );
  return rows.map(({ line }) => line as string);
};

const names = async (): Promise<string[]> => (await loadMigrations()).map(({ name }) => name);

async function undoAll({ ownerUrl }: DatabaseUrls): Promise<void> {
  const migrations = await loadMigrations();
  const source = new DataSource({ ...dataSourceOptions(ownerUrl, new Timings()), migrations });
  await source.initialize();
  for (const _ of migrations) await source.undoLastMigration({ transaction: 'each' });
  await source.destroy();
}

describe('the migrations', () => {
  it('go up, down to nothing, and up to the same again, as an owner that is nobody special', async () => {
    const urls = await emptyDatabase();

    expect(await migrate(urls)).toEqual({ applied: await names(), drift: [] });
    const first = await schemaOf(urls);
    await undoAll(urls);
    expect((await schemaOf(urls)).filter((line) => !line.includes('migrations'))).toEqual([]);

    expect(await migrate(urls)).toEqual({ applied: await names(), drift: [] });
    expect(await schemaOf(urls)).toEqual(first);
  });

  it('find nothing to do the second time', async () => {
    const urls = await emptyDatabase();
    await migrate(urls);

    expect(await migrate(urls)).toEqual({ applied: [], drift: [] });
  });

  it('are applied where others with later numbers have been before', async () => {
    const urls = await emptyDatabase();
    await migrate(urls);
    const first = await schemaOf(urls);
    await query(
      urls.ownerUrl,
      `ALTER TABLE users_home DROP COLUMN paired, DROP COLUMN installation_id;
       DELETE FROM migrations WHERE name = 'Installation1770001320000'`,
    );

    expect(await migrate(urls)).toEqual({ applied: ['Installation1770001320000'], drift: [] });
    expect(await schemaOf(urls)).toEqual(first);
  });

  it('can be run from many places at once: each is applied once', async () => {
    const urls = await emptyDatabase();
    const reports = await Promise.all(Array.from({ length: 4 }, () => migrate(urls)));

    expect(reports.flatMap(({ applied }) => applied).toSorted()).toEqual((await names()).toSorted());
    for (const { drift } of reports) expect(drift).toEqual([]);
  });

  it('tell when the tables are not what the entities say, and change nothing', async () => {
    const urls = await emptyDatabase();
    await migrate(urls);
    await query(urls.ownerUrl, 'ALTER TABLE users ADD COLUMN shoe_size integer');
    const { applied, drift } = await migrate(urls);

    expect(applied).toEqual([]);
    expect(drift).toEqual([expect.stringContaining('shoe_size')]);
    expect((await schemaOf(urls)).some((line) => line.includes('shoe_size'))).toBe(true);
  });

  it('name every constraint, so that an error can tell which one it was', async () => {
    const urls = await emptyDatabase();
    await migrate(urls);
    const nameless = await query(
      urls.ownerUrl,
      `SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace
       AND contype IN ('p', 'u', 'c') AND conrelid <> 'migrations'::regclass AND conname ~ '^(PK|UQ|CHK)_|_check\\d*$'`,
    );

    expect(nameless).toEqual([]);
  });
});

const itWithTwoRoles = oneRole() ? it.skip : it;

itWithTwoRoles("give the app's role rows and no tables", async () => {
  const urls = await emptyDatabase();
  await migrate(urls);
  const app = `'${new URL(urls.appUrl).username}'`;
  const granted = await query(
    urls.ownerUrl,
    `SELECT table_name AS table, array_agg(privilege_type::text ORDER BY privilege_type) AS may
     FROM information_schema.role_table_grants WHERE grantee = ${app} AND table_schema = 'public' GROUP BY 1 ORDER BY 1`,
  );

  for (const { table, may } of granted) {
    const appendOnly = /^(audit_events|(payment|refund|dispute)_transitions|ledger_.*)$/.test(table as string);
    const rows = table === 'migrations' ? ['SELECT'] : appendOnly ? ['INSERT', 'SELECT'] : null;
    expect({ table, may }).toEqual({ table, may: rows ?? ['DELETE', 'INSERT', 'SELECT', 'UPDATE'] });
  }
  expect(await query(urls.ownerUrl, `SELECT has_schema_privilege(${app}, 'public', 'CREATE') AS may`)).toEqual([
    { may: false },
  ]);
});

itWithTwoRoles("grant what is the owner's, and leave what somebody else has in the same schema", async () => {
  const urls = await emptyDatabase();
  // As extensions do.
  await query(
    superUrlOf(urls.ownerUrl),
    `CREATE FUNCTION public.theirs() RETURNS integer LANGUAGE sql AS 'SELECT 1';
     REVOKE ALL ON FUNCTION public.theirs() FROM PUBLIC;
     CREATE TABLE public.their_table (id integer); CREATE VIEW public.their_view AS SELECT 1 AS one`,
  );

  expect(await migrate(urls)).toEqual({ applied: await names(), drift: [] });

  expect(await query(urls.appUrl, 'SELECT count(*)::integer AS users FROM users')).toEqual([{ users: 0 }]);
  await expect(query(urls.appUrl, 'SELECT theirs()')).rejects.toThrow('permission denied for function theirs');
  await expect(query(urls.appUrl, 'SELECT * FROM their_table')).rejects.toThrow(
    'permission denied for table their_table',
  );
});

itWithTwoRoles('that were applied and not granted leave the process not ready, until they are', async () => {
  const app = await startApp({ database: 'own', timings: PATIENT });
  const { POSTGRES_OWNER_URL: ownerUrl, POSTGRES_URL: appUrl } = app.settings;
  const ready = async (): Promise<number> => (await app.request('GET', '~/health/ready')).status;
  expect(await ready()).toBe(200);

  await query(ownerUrl!, `REVOKE ALL ON sessions FROM "${decodeURIComponent(new URL(appUrl).username)}"`);
  expect(await ready()).toBe(503);

  await migrate({ ownerUrl: ownerUrl!, appUrl });
  expect(await ready()).toBe(200);
  await app.close();
});

describe('a start with a role that sees every tenant (SEC-39)', () => {
  const production = {
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://omni.example.com',
    SECRET_KEY: 'Zx8-kq2LwP9vRt5nYb7cJd3mHf6gSa1e',
  };

  it('is refused in production', async () => {
    const { settings } = await startApp();
    const POSTGRES_URL = superUrlOf(settings.POSTGRES_URL);

    await expect(startProcess({ settings: { ...production, POSTGRES_URL } })).rejects.toThrow(
      'POSTGRES_URL must name a role that is neither superuser nor BYPASSRLS',
    );
  });

  it('is warned of elsewhere', async () => {
    const { settings } = await startApp();
    const { logs } = await startApp({ settings: { POSTGRES_URL: superUrlOf(settings.POSTGRES_URL) } });

    expect(logs.join('\n')).toContain('POSTGRES_URL must name a role that is neither superuser nor BYPASSRLS');
  });

  it('is no matter with the role that the migrations grant to', async () => {
    const app = await startApp({ settings: production, timings: PATIENT });

    expect((await app.request('GET', '~/health/ready')).body).toEqual({ status: 'ok' });
  });
});
