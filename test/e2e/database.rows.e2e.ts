import { createHash, randomUUID } from 'node:crypto';
import type { Client as Connection } from 'pg';
import { uuidv7 } from '../../src/common/uuid.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { exported } from '../support/exports.js';
import { paid, quiescence, refunded } from '../support/payments.js';
import { connected, setScope, superUrlOf, within } from '../support/connections.js';
import { newKey, verifiedMember, type MadeKey } from '../support/keys.js';
import { insertItems } from '../support/reconciliation.js';
import { insertDelivery } from '../support/webhooks.js';
import { Guarded } from '../support/second-factor.js';

/** They hold names of migrations, digests, and when it was looked: nothing of anybody. */
const WITHOUT_TENANT = new Set(
  'migrations users_home login_counters known_addresses limit_counters reconciliation_runs'.split(' '),
);

/** The tenants themselves; and what the payment provider has and no tenant of ours, which no tenant's scope shows. */
const PERHAPS_OF_NOBODY = ['tenants', 'reconciliation_items'];

/** Nobody changes them, in whatever scope. */
const STEPS = ['payment_transitions', 'refund_transitions', 'dispute_transitions'];
const APPEND_ONLY = ['audit_events', ...STEPS, 'ledger_accounts', 'ledger_transactions', 'ledger_entries'];

let app: TestApp;
let ours: string;
let ada: Client;
let session_id: string;
let key: MadeKey;
let tables: string[];

beforeAll(async () => {
  // The table of users is one of those that are looked at.
  app = await startApp({ settings: { MONGODB_URL: '' } });
  ours = await newTenant(app);
  ada = await verifiedMember(app, ours);
  key = await newKey(ada, { scopes: ['payments:read'] });
  await newKey(await verifiedMember(app, DEFAULT_TENANT_ID), { scopes: ['payments:read'] });
  await (await Guarded.signUp(app)).challenge();
  const stranger = await app.signUp();
  await ada.patch('/users/me', { full_name: 'Ada King' });
  // Both tenants have something everywhere, so that there is something to be seen and something to be hidden.
  const platform = await app.admin();
  for (const tenant_id of [ours, DEFAULT_TENANT_ID]) {
    succeed(await platform.post('/invitations', { email: `invited-to-${tenant_id}@example.com`, tenant_id }));
  }
  for (const person of [ada, stranger]) {
    await exported(app, person);
    const { id } = await paid(person, { payment_method: 'pm_sim_inquiry' });
    await refunded(platform, id, { amount: 100, force: true });
    await insertDelivery(app, person.user);
  }
  await quiescence(app);
  await insertItems(app, [ours, DEFAULT_TENANT_ID]);
  await app.sql(
    `INSERT INTO user_writes (id, tenant_id, user_id, version, locks)
     SELECT gen_random_uuid(), tenant_id, gen_random_uuid(), 1, '{}' FROM unnest($1::uuid[]) AS tenant_id`,
    [[ours, DEFAULT_TENANT_ID]],
  );
  [{ id: session_id }] = await app.sql('SELECT id FROM sessions WHERE user_id = $1', [ada.user.id]);
  tables = (
    await app.sql(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`,
    )
  )
    .map(({ name }) => name as string)
    .filter((name) => !WITHOUT_TENANT.has(name));
});

const counts = async (client: Connection, where = 'true'): Promise<Record<string, number>> => {
  const entries: [string, number][] = [];
  for (const table of tables) {
    const condition = table === 'tenants' ? where.replace('tenant_id', 'id') : where;
    const { rows } = await client.query(`SELECT count(*)::int FROM ${table} WHERE ${condition}`);
    entries.push([table, rows[0].count]);
  }
  return Object.fromEntries(entries);
};

const roles = (): [role: string, url: string][] => [
  ['app', app.settings.POSTGRES_URL],
  ['owner', app.settings.POSTGRES_OWNER_URL],
];

describe('row-level security', () => {
  it('is enabled and forced on every table, and each has its tenant (SEC-39)', async () => {
    const found = await app.sql(
      `SELECT relname AS name, relrowsecurity AND relforcerowsecurity AS forced,
              EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid) AS has_policy,
              EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id' AND attnotnull) AS has_tenant
       FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relname = ANY($1) ORDER BY relname`,
      [tables],
    );

    expect(found.length).toBeGreaterThanOrEqual(5);
    expect(found).toEqual(
      found.map(({ name }) => ({
        name,
        forced: true,
        has_policy: true,
        has_tenant: !PERHAPS_OF_NOBODY.includes(name),
      })),
    );
  });

  it('shows no row of any table to who has no scope, app or owner (SEC-40)', async () => {
    const all = await connected(superUrlOf(app.settings.POSTGRES_URL), counts);
    for (const [table, count] of Object.entries(all)) expect([table, count]).not.toEqual([table, 0]);

    for (const [role, url] of roles()) {
      const none = Object.fromEntries(tables.map((table) => [table, 0]));
      expect({ role, ...(await connected(url, counts)) }).toEqual({ role, ...none });
      expect({ role, ...(await within(url, 'none', counts)) }).toEqual({ role, ...none });
    }
  });

  it("shows a tenant's scope none of another's rows, in whichever table, and lets it change none", async () => {
    const foreign = `tenant_id <> '${ours}'`;
    const hidden = await connected(superUrlOf(app.settings.POSTGRES_URL), (client) => counts(client, foreign));
    for (const [table, count] of Object.entries(hidden)) expect([table, count]).not.toEqual([table, 0]);

    for (const [role, url] of roles()) {
      const seen = await within(url, { tenant_id: ours }, (client) => counts(client, foreign));
      expect({ role, ...seen }).toEqual({ role, ...Object.fromEntries(tables.map((table) => [table, 0])) });
      const touched = await within(url, { tenant_id: ours }, async (client) => {
        const rows: [string, number | null][] = [];
        for (const table of tables.filter((name) => !APPEND_ONLY.includes(name))) {
          const column = table === 'tenants' ? 'id' : 'tenant_id';
          const where = `WHERE ${column} <> '${ours}'`;
          rows.push([table, (await client.query(`UPDATE ${table} SET ${column} = ${column} ${where}`)).rowCount]);
          rows.push([table, (await client.query(`DELETE FROM ${table} ${where}`)).rowCount]);
        }
        return rows;
      });
      expect(touched.filter(([, count]) => count !== 0)).toEqual([]);
    }
  });

  it("shows a tenant's scope that tenant's rows alone", async () => {
    const mine = await app.sql('SELECT 1 FROM audit_events WHERE tenant_id = $1', [ours]);
    for (const [, url] of roles()) {
      const seen = await within(url, { tenant_id: ours }, (client) => counts(client));
      const others = await within(url, { tenant_id: ours }, (client) => counts(client, `tenant_id <> '${ours}'`));

      expect(seen).toMatchObject({ users: 1, sessions: 1, api_keys: 1, tenants: 1, audit_events: mine.length });
      expect(Object.values(others).every((count) => count === 0)).toBe(true);
    }
  });

  it("lets a tenant's scope write into no other tenant", async () => {
    const url = app.settings.POSTGRES_URL;
    const attempt = (sql: string) => within(url, { tenant_id: ours }, (client) => client.query(sql));
    const row = `('${uuidv7()}', '${DEFAULT_TENANT_ID}', 'smuggled@example.com', 'x', 'x')`;

    await expect(
      attempt(`INSERT INTO users (id, tenant_id, email, full_name, password_hash) VALUES ${row}`),
    ).rejects.toMatchObject({ code: '42501' });
    await expect(attempt(`UPDATE users SET tenant_id = '${DEFAULT_TENANT_ID}'`)).rejects.toMatchObject({
      code: '42501',
    });
    expect(await attempt(`UPDATE users SET full_name = 'x' WHERE tenant_id <> '${ours}'`)).toMatchObject({
      rowCount: 0,
    });
    expect(await attempt(`DELETE FROM sessions WHERE tenant_id <> '${ours}'`)).toMatchObject({ rowCount: 0 });
  });

  it('binds roles that are nobody special', async () => {
    const found = await app.sql(
      'SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = ANY($1)',
      [roles().map(([, url]) => decodeURIComponent(new URL(url).username))],
    );

    expect(found.length).toBeGreaterThan(0);
    for (const role of found) {
      expect(role).toEqual({ rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false });
    }
  });
});

describe('what is append-only', () => {
  const statements = APPEND_ONLY.flatMap((table) => [
    [table, `UPDATE ${table} SET id = id`],
    [table, `DELETE FROM ${table}`],
    [table, `TRUNCATE ${table} CASCADE`],
  ]);

  it.each(statements as [string, string][])('%s refuses app, owner and superuser: %s', async (table, sql) => {
    const before = await app.sql(`SELECT count(*) FROM ${table}`);
    for (const url of [...roles().map(([, one]) => one), superUrlOf(app.settings.POSTGRES_URL)]) {
      await expect(within(url, 'system', (client) => client.query(sql))).rejects.toMatchObject({ code: '42501' });
    }
    expect(await app.sql(`SELECT count(*) FROM ${table}`)).toEqual(before);
  });
});

/** What finds out whose request it is, before a tenant is known. */
const LOOK_UPS: [of: string, table: string, call: string, parameters: () => unknown[], forge: string][] = [
  [
    'session',
    'sessions',
    `session_principal($1, '1 minute')`,
    () => [session_id],
    `$1, tenant_id, user_id, 'platform_admin', auth_time, user_agent, ip, created_at, last_seen_at, expires_at`,
  ],
  [
    'api_key',
    'api_keys',
    `api_key_principal($1, $2, '1 minute')`,
    () => [key.id, createHash('sha256').update(key.key).digest()],
    `$1, tenant_id, user_id, 'platform_admin', status, name, scopes, key_hash, previous_hash, previous_expires_at, expires_at, last_used_at, created_at`,
  ],
];

describe.each(LOOK_UPS)('the look-up of a %s', (of, table, call, parameters, forge) => {
  const LOOK_UP = `SELECT user_id, tenant_id, role FROM ${call}`;
  const scopes = `SELECT coalesce(current_setting('app.system', true), '') AS system, coalesce(current_setting('app.tenant_id', true), '') AS tenant`;

  it('belongs to nobody but those who were named, and finds names where they belong', async () => {
    const [properties] = await app.sql(
      `SELECT prosecdef, provolatile, proconfig, has_function_privilege('public', oid, 'EXECUTE') AS for_all
       FROM pg_proc WHERE proname = $1`,
      [`${of}_principal`],
    );

    expect(properties).toEqual({
      prosecdef: true,
      provolatile: 'v',
      proconfig: ['search_path=pg_catalog, public, pg_temp'],
      for_all: false,
    });
  });

  it('finds it without a scope, and opens nothing else', async () => {
    await within(app.settings.POSTGRES_URL, 'none', async (client) => {
      const { rows } = await client.query(LOOK_UP, parameters());
      expect(rows).toEqual([{ user_id: ada.user.id, tenant_id: ours, role: 'user' }]);
      expect((await client.query(scopes)).rows).toEqual([{ system: '', tenant: '' }]);
      expect((await client.query(`SELECT 1 FROM ${table}`)).rowCount).toBe(0);
    });
  });

  it.each<[string, Parameters<typeof setScope>[0], object]>([
    ['system', 'system', { system: 'on', tenant: '' }],
    ["a tenant's", { tenant_id: DEFAULT_TENANT_ID }, { system: '', tenant: DEFAULT_TENANT_ID }],
  ])('leaves %s scope as it was', async (_, scope, after) => {
    await within(app.settings.POSTGRES_URL, scope, async (client) => {
      expect((await client.query(LOOK_UP, parameters())).rowCount).toBe(1);
      expect((await client.query(scopes)).rows).toEqual([after]);
    });
  });

  it('is not fooled by a temporary table of the same name', async () => {
    const forged = randomUUID();
    await within(superUrlOf(app.settings.POSTGRES_URL), 'none', async (client) => {
      const [id, ...rest] = parameters();
      await client.query(`CREATE TEMP TABLE ${table} (LIKE public.${table})`);
      await client.query(`INSERT INTO pg_temp.${table} SELECT ${forge} FROM public.${table} WHERE id = $2`, [
        forged,
        id,
      ]);
      expect((await client.query(`SELECT 1 FROM ${table}`)).rowCount).toBe(1);

      expect((await client.query(LOOK_UP, [forged, ...rest])).rowCount).toBe(0);
      expect((await client.query(LOOK_UP, [id, ...rest])).rowCount).toBe(1);
    });
  });
});
