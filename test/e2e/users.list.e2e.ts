import { newUser } from '../../src/users/newcomers/newcomers.js';
import { randomUUID } from 'node:crypto';
import { Database } from '../../src/database/database.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { insertUsers, member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';

let app: TestApp;
let admin: Client;
let tenant_id: string;

beforeAll(async () => {
  app = await startApp();
  tenant_id = await newTenant(app);
  admin = await member(app, tenant_id, 'admin');
});

const idsOf = ({ body }: Answer): string[] => body.data.map(({ id }: { id: string }) => id);
const namesOf = ({ body }: Answer): string[] => body.data.map(({ full_name }: { full_name: string }) => full_name);

describe('GET /users', () => {
  it('is for admins', async () => {
    const user = await member(app, tenant_id);

    expect((await app.request('GET', '/users')).body).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect((await user.get('/users')).body).toMatchObject({
      status: 403,
      code: 'forbidden',
      detail: 'Insufficient permissions',
    });
    expect((await admin.get('/users')).status).toBe(200);
    expect((await (await app.admin()).get('/users')).status).toBe(200);
  });

  it('answers with users as everywhere else, the newest first (SEC-34)', async () => {
    const [older, newer] = await insertUsers(app, [
      { tenant_id, created_at: new Date(Date.now() + 1_000) },
      { tenant_id, created_at: new Date(Date.now() + 2_000) },
    ]);
    const { body, text, headers } = await admin.get('/users?per_page=2');

    expect(body.data.map(({ id }: { id: string }) => id)).toEqual([newer!.id, older!.id]);
    expect(Object.keys(body.data[0])).toEqual(Object.keys(admin.user));
    expect(body).toMatchObject({ page: 1, per_page: 2, total: expect.any(Number), total_exact: true });
    expect(Object.keys(body)).toHaveLength(5);
    expect(text).not.toMatch(/password_hash|argon2|version/);
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('shows no user of another tenant', async () => {
    const [stranger] = await insertUsers(app, [{ tenant_id: await newTenant(app) }]);

    expect(idsOf(await admin.get('/users?per_page=100'))).not.toContain(stranger!.id);
    expect((await admin.get(`/users?q=${encodeURIComponent(stranger!.email)}`)).body.total).toBe(0);
  });
});

describe('pages', () => {
  it('hold everybody once, though all were made in the same moment', async () => {
    const tenant = await newTenant(app);
    const owner = await member(app, tenant, 'admin');
    const same = { tenant_id: tenant, created_at: new Date('2026-01-01T00:00:00Z'), full_name: 'Same' };
    const made = await insertUsers(
      app,
      Array.from({ length: 24 }, () => same),
    );

    for (const sort of ['created_at', '-created_at', 'full_name', '-full_name']) {
      const pages = await Promise.all(
        [1, 2, 3, 4].map((page) => owner.get(`/users?per_page=7&page=${page}&sort=${sort}`)),
      );
      expect(pages.flatMap(idsOf).toSorted()).toEqual([...made.map(({ id }) => id), owner.user.id].toSorted());
      expect(pages.map(({ body }) => body.total)).toEqual([25, 25, 25, 25]);
    }
  });

  it('beyond the last are empty', async () => {
    expect((await admin.get('/users?page=1000000')).body).toMatchObject({ data: [], page: 1_000_000, per_page: 20 });
  });

  it('say by total_exact when the total is an estimate: beyond 10,000', async () => {
    const tenant = await newTenant(app);
    const owner = await member(app, tenant, 'admin');
    const fill = (from: number, to: number) =>
      app.users.insert(
        Array.from({ length: to - from + 1 }, (_, at) =>
          newUser({
            tenant_id: tenant,
            email: `${from + at}@crowd.example.com`,
            full_name: 'Crowd',
            password_hash: '',
          }),
        ),
      );

    await fill(2, 10_000);
    expect((await owner.get('/users')).body).toMatchObject({ total: 10_000, total_exact: true });
    await fill(10_001, 10_501);
    await app.sql('ANALYZE users');
    const { total, total_exact } = (await owner.get('/users')).body;

    expect(total_exact).toBe(false);
    expect(total).toBeGreaterThan(10_000);
    expect(total).toBeLessThan(13_000);
  });

  it('far back are as the near ones: everybody once, in order', async () => {
    const tenant = await newTenant(app);
    const owner = await member(app, tenant, 'admin');
    const now = Date.now();
    await insertUsers(
      app,
      Array.from({ length: 1_500 }, (_, index) => ({
        tenant_id: tenant,
        full_name: `Number ${index + 1}`,
        created_at: new Date(now - (index + 1) * 60_000),
      })),
    );
    const pages = await Promise.all([10, 11, 12, 15].map((page) => owner.get(`/users?per_page=100&page=${page}`)));
    const [, , , last] = pages;

    expect(pages.map(({ body }) => body.data.length)).toEqual([100, 100, 100, 100]);
    expect(new Set(pages.flatMap(idsOf)).size).toBe(400);
    expect(namesOf(last!)).toEqual(Array.from({ length: 100 }, (_, index) => `Number ${1_400 + index}`));
    expect((await owner.get('/users?per_page=100&page=16')).body.data).toHaveLength(1);
    expect((await owner.get('/users?per_page=100&page=17')).body.data).toEqual([]);
  });
});

describe('what is asked of a long list', () => {
  /** How PostgreSQL would go about it, within the scope of the tenant. */
  const planOf = (tenant: string, rest: string, ...given: string[]): Promise<string> => {
    const database = app.app.get(Database);
    return database.asTenant(tenant, () =>
      database.run(async (manager) => {
        const lines = await manager.query<{ 'QUERY PLAN': string }[]>(
          `EXPLAIN SELECT * FROM users WHERE tenant_id = $1 ${rest}`,
          [tenant, ...given],
        );
        return lines.map((line) => line['QUERY PLAN']).join('\n');
      }),
    );
  };

  let tenant: string;
  beforeAll(async () => {
    tenant = await newTenant(app);
    await app.sql(
      `INSERT INTO users (id, tenant_id, email, username, username_key, full_name, password_hash)
       SELECT gen_random_uuid(), $1, md5(n || 'e') || '@long.example.com', substr(md5(n || 'u'), 1, 20), substr(md5(n || 'u'), 1, 20),
         md5(n || 'f'), '' FROM generate_series(1, 20000) n`,
      [tenant],
    );
    await app.sql('ANALYZE users');
  });

  it.each(['email', 'username_key', 'full_name_key'])('is found by an index: the beginning of %s', async (column) => {
    const plan = await planOf(tenant, `AND ${column} ^@ lower(CAST($2 AS text))`, 'ABCDE');

    expect(plan).toMatch(new RegExp(`Index Cond: .*${column} (~>=~|>=) 'abcde'`));
    expect(plan).not.toContain('Seq Scan');
  });

  it.each(['created_at DESC, id DESC', 'email, id', 'email DESC, id DESC', 'full_name, id', 'full_name DESC, id DESC'])(
    'comes in order from an index: %s',
    async (order) => {
      const plan = await planOf(tenant, `ORDER BY ${order} LIMIT 20`);

      expect(plan).toMatch(/Index Scan (Backward )?using users_/);
      expect(plan).not.toContain('Sort');
    },
  );
});

describe('filters', () => {
  let owner: Client;
  beforeAll(async () => {
    const tenant = await newTenant(app);
    owner = await member(app, tenant, 'admin');
    await app.users.change({ id: owner.user.id }, { full_name: 'Zoe' });
    await insertUsers(app, [
      { tenant_id: tenant, full_name: 'Ada Lovelace', username: 'Count_ess', email: 'first@filter.example.com' },
      { tenant_id: tenant, full_name: 'adam', username: 'countless', email: 'second@filter.example.com' },
      { tenant_id: tenant, full_name: 'Élodie', status: 'disabled', email: 'third@filter.example.com' },
      { tenant_id: tenant, full_name: '50% off', role: 'admin', email: 'fourth@filter.example.com' },
    ]);
  });

  it.each([
    ['q=ada', ['Ada Lovelace', 'adam']],
    ['q=ADA%20L', ['Ada Lovelace']],
    ['q=lovelace', []],
    ['q=FIRST@', ['Ada Lovelace']],
    ['q=COUNT_E', ['Ada Lovelace']],
    ['q=count', ['Ada Lovelace', 'adam']],
    ['q=%C3%A9lo', ['Élodie']],
    ['q=50%25', ['50% off']],
    ['q=%25', []],
    ['q=_', []],
    ['q=%5C', []],
    [`q=${encodeURIComponent("' OR 1=1 --")}`, []],
    ['role=admin', ['50% off', 'Zoe']],
    ['role=platform_admin', []],
    ['status=disabled', ['Élodie']],
    ['status=active&role=user', ['Ada Lovelace', 'adam']],
    ['q=a&status=disabled', []],
  ])('%s finds %j', async (query, names) => {
    const answer = await owner.get(`/users?sort=email&${query}`);

    expect(namesOf(answer).toSorted()).toEqual(names.toSorted());
    expect(answer.body.total).toBe(names.length);
  });

  it.each([
    ['email', ['Ada Lovelace', '50% off', 'adam', 'Élodie']],
    ['-email', ['Élodie', 'adam', '50% off', 'Ada Lovelace']],
  ])('and sort=%s goes with them', async (sort, names) => {
    expect(namesOf(await owner.get(`/users?sort=${sort}`)).filter((name) => name !== 'Zoe')).toEqual(names);
  });
});

describe('?tenant_id', () => {
  it('shows a platform admin the users of that tenant, and its own without it', async () => {
    const platform = await app.admin();

    expect(idsOf(await platform.get(`/users?tenant_id=${tenant_id}&per_page=100`))).toContain(admin.user.id);
    expect(idsOf(await platform.get(`/users?tenant_id=${tenant_id.toUpperCase()}&per_page=100`))).toContain(
      admin.user.id,
    );
    expect((await platform.get('/users')).body.data[0].tenant_id).toBe(DEFAULT_TENANT_ID);
  });

  it('shows an admin the own tenant, and of another nothing, as of one that never was', async () => {
    const nothing = { data: [], page: 1, per_page: 20, total: 0, total_exact: true };

    expect(idsOf(await admin.get(`/users?tenant_id=${tenant_id}&per_page=100`))).toContain(admin.user.id);
    expect((await admin.get(`/users?tenant_id=${DEFAULT_TENANT_ID}`)).body).toEqual(nothing);
    expect((await admin.get(`/users?tenant_id=${randomUUID()}`)).body).toEqual(nothing);
  });
});

describe('a query that is not understood', () => {
  it.each([
    ['page=0', 'minimum'],
    ['page=-1', 'minimum'],
    ['page=1.5', 'type'],
    ['page=', 'type'],
    ['page=1e9', 'type'],
    ['page=1000000001', 'maximum'],
    ['page=99999999999999999999', 'type'],
    ['per_page=0', 'minimum'],
    ['per_page=101', 'maximum'],
    ['per_page=ten', 'type'],
    ['page=1&page=2', 'repeated'],
    ['q=a&q=b', 'repeated'],
    ['page[]=1', 'unknown_field'],
    ['q[$ne]=x', 'unknown_field'],
    ['q=', 'min_length'],
    [`q=${'a'.repeat(255)}`, 'max_length'],
    ['q=%00', 'text'],
    ['role=root', 'enum'],
    ['role=', 'enum'],
    ['status=Active', 'enum'],
    ['sort=id', 'enum'],
    ['sort=password_hash', 'enum'],
    ['sort=--email', 'enum'],
    ['sort=email;select%201', 'enum'],
    ['sort=email%20desc', 'enum'],
    ['tenant_id=default', 'min_length'],
    ['limit=10', 'unknown_field'],
    ['constructor=1', 'unknown_field'],
    ['token=x', 'unknown_field'],
  ])('is refused: %s (SEC-43, SEC-50)', async (query, code) => {
    const { status, body } = await admin.get(`/users?${query}`);
    const [name] = decodeURIComponent(query).split('=');

    expect(status).toBe(422);
    expect(body).toMatchObject({ code: 'validation_failed', instance: '/api/v1/users' });
    expect(body.errors).toMatchObject([{ pointer: `?${name}`, code }]);
  });
});
