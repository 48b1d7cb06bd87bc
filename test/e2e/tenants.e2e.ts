import { randomUUID } from 'node:crypto';
import { TenantCopies } from '../../src/tenants/tenant-copies.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { member, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { Client, succeed } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { eventually } from '../support/eventually.js';
import { ADMIN } from '../support/stage.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  platform = await Client.logIn(conforming(app.send), ADMIN);
});

const someName = (): string => `Tenant ${randomUUID()}`;
const newOne = async (given: object = {}): Promise<any> =>
  succeed(await platform.post('/tenants', { name: someName(), ...given }));

describe('GET /tenants/{id}', () => {
  const rename = (id: string, name: string): Promise<unknown> =>
    app.sql('UPDATE tenants SET name = $2 WHERE id = $1', [id, name]);
  const nameOf = async (id: string, on = app): Promise<string> =>
    succeed(await on.request('GET', `/tenants/${id}`, { token: platform.token })).name;

  it('is answered from memory for a while, and shows a change of this process at once', async () => {
    const slow = await startApp({ timings: { tenant_copy_ms: 60_000 } });
    const { id, name } = await newOne();
    await nameOf(id, slow);
    const [unseen, seen] = [someName(), someName()];
    await rename(id, unseen);
    expect(await nameOf(id, slow)).toBe(name);

    succeed(await slow.request('PATCH', `/tenants/${id}`, { token: platform.token, body: { name: seen } }));
    expect(await nameOf(id, slow)).toBe(seen);
    await slow.close();
  });

  it('shows a change of another process within seconds, while requests are refused at once', async () => {
    const quick = await startApp({ timings: { tenant_copy_ms: 200 } });
    const { id } = await newOne();
    const user = await member(app, id);
    await nameOf(id, quick);
    const [name, status] = [someName(), 'disabled'];
    succeed(await platform.patch(`/tenants/${id}`, { name, status }));

    expect((await quick.request('GET', '/users/me', { token: user.token })).status).toBe(401);
    await eventually(async () => (await nameOf(id, quick)) === name);
    await quick.close();
  });

  it('remembers 128 tenants, those that were looked at last', async () => {
    const slow = await startApp({ database: 'own', timings: { tenant_copy_ms: 60_000 } });
    const copies = slow.app.get(TenantCopies);
    const tenants = await slow.sql<{ id: string }>(
      `INSERT INTO tenants (id, name) SELECT gen_random_uuid(), 'Many ' || n FROM generate_series(1, 129) n RETURNING id`,
    );
    for (const { id } of tenants) await copies.find(id);
    const [first, last] = [tenants.at(0)!.id, tenants.at(-1)!.id];
    for (const id of [first, last]) await slow.sql('UPDATE tenants SET name = $2 WHERE id = $1', [id, `Renamed ${id}`]);

    expect((await copies.find(last))!.name).toBe('Many 129');
    expect((await copies.find(first))!.name).toBe(`Renamed ${first}`);
    await slow.close();
  });
});

describe('POST /tenants', () => {
  it('makes a tenant, active and without a number of its own unless told', async () => {
    const name = someName();
    const { status, headers, body } = await platform.post('/tenants', { name: `  ${name} ` });

    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/tenants/${body.id}`);
    expect(body).toEqual({
      id: expect.any(String),
      name,
      status: 'active',
      requests_per_minute: null,
      created_at: expect.any(String),
      updated_at: body.created_at,
    });
    expect((await platform.get(`/tenants/${body.id}`)).body).toEqual(body);
    expect(await newOne({ status: 'disabled', requests_per_minute: 10 })).toMatchObject({
      status: 'disabled',
      requests_per_minute: 10,
    });
  });

  it('gives a name once, also when many race for it', async () => {
    const name = someName();
    const answers = await Promise.all(Array.from({ length: 10 }, () => platform.post('/tenants', { name })));

    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const { status, body } of answers) {
      if (status !== 201) expect([status, body.code]).toEqual([409, 'tenant_name_taken']);
    }
  });

  it.each([
    [{}, '#/name', 'required'],
    [{ name: ' ' }, '#/name', 'min_length'],
    [{ name: 'a'.repeat(101) }, '#/name', 'max_length'],
    [{ name: null }, '#/name', 'not_null'],
    [{ name: 'x', status: 'closed' }, '#/status', 'enum'],
    [{ name: 'x', requests_per_minute: 0 }, '#/requests_per_minute', 'minimum'],
    [{ name: 'x', requests_per_minute: 1_000_001 }, '#/requests_per_minute', 'maximum'],
    [{ name: 'x', requests_per_minute: null }, '#/requests_per_minute', 'not_null'],
    [{ name: 'x', requests_per_minute: 1.5 }, '#/requests_per_minute', 'type'],
    [{ name: 'x', requests_per_minute: '10' }, '#/requests_per_minute', 'type'],
    [{ name: 'x', id: randomUUID() }, '#/id', 'unknown_field'],
    [{ name: 'x', version: 2 }, '#/version', 'unknown_field'],
  ])('refuses %j', async (body, pointer, code) => {
    const answer = await platform.post('/tenants', body);

    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([{ pointer, code }]);
  });
});

describe('GET /tenants', () => {
  it('lists all of them, the newest first, page by page', async () => {
    const made = [await newOne(), await newOne(), await newOne()];
    const { body } = await platform.get('/tenants?per_page=2');
    const second = await platform.get('/tenants?per_page=2&page=2');

    expect(body.data).toEqual([made[2], made[1]]);
    expect(second.body.data[0]).toEqual(made[0]);
    expect(body).toMatchObject({ page: 1, per_page: 2, total: expect.any(Number), total_exact: true });
    const all = await platform.get('/tenants?per_page=100');
    expect(all.body.data.map(({ id }: { id: string }) => id)).toContain(DEFAULT_TENANT_ID);
  });

  it('finds those of a status, or the one that is named', async () => {
    const closed = await newOne({ status: 'disabled' });
    const names = async (query: string): Promise<string[]> =>
      (await platform.get(`/tenants?per_page=100&${query}`)).body.data.map(({ name }: { name: string }) => name);

    expect(await names('status=disabled')).toContain(closed.name);
    expect(await names('status=active')).not.toContain(closed.name);
    expect(await names(`tenant_id=${closed.id.toUpperCase()}`)).toEqual([closed.name]);
    expect(await names(`tenant_id=${randomUUID()}`)).toEqual([]);
    expect((await platform.get('/tenants?name=x')).body.errors).toMatchObject([{ code: 'unknown_field' }]);
  });
});

describe('PATCH /tenants/{id}', () => {
  it('changes what it names and leaves alone what it does not', async () => {
    const tenant = await newOne({ requests_per_minute: 5 });
    const name = someName();
    const { status, body } = await platform.patch(`/tenants/${tenant.id}`, { name });

    expect(status).toBe(200);
    expect(body).toEqual({ ...tenant, name, updated_at: expect.any(String) });
    expect(body.updated_at > tenant.updated_at).toBe(true);
    const [{ version }] = await app.sql('SELECT version FROM tenants WHERE id = $1', [tenant.id]);
    expect(version).toBe(2);
  });

  it('clears the number with null', async () => {
    const { id } = await newOne({ requests_per_minute: 5 });

    expect((await platform.patch(`/tenants/${id}`, { requests_per_minute: null })).body).toMatchObject({
      requests_per_minute: null,
    });
  });

  it.each([{}, undefined, { status: 'active' }])('does nothing when it is so already: %j', async (body) => {
    const tenant = await newOne();

    expect((await platform.patch(`/tenants/${tenant.id}`, body)).body).toEqual(tenant);
  });

  it('refuses a name that another has, and null where it means nothing', async () => {
    const [one, other] = [await newOne(), await newOne()];
    const refused = async (body: object): Promise<unknown> => {
      const { status, body: problem } = await platform.patch(`/tenants/${other.id}`, body);
      return [status, problem.code];
    };

    expect(await refused({ name: one.name, requests_per_minute: 3 })).toEqual([409, 'tenant_name_taken']);
    expect(await refused({ name: null })).toEqual([422, 'validation_failed']);
    expect(await refused({ status: null })).toEqual([422, 'validation_failed']);
    expect((await platform.get(`/tenants/${other.id}`)).body).toEqual(other);
  });

  it('makes all of many changes at once', async () => {
    const { id } = await newOne();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, turn) =>
        platform.patch(`/tenants/${id}`, turn % 2 ? { name: someName() } : { requests_per_minute: turn + 1 }),
      ),
    );

    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const [{ version }] = await app.sql('SELECT version FROM tenants WHERE id = $1', [id]);
    expect(version).toBe(21);
  });
});

describe('a tenant', () => {
  const REQUESTS = [
    ['GET', '/tenants'],
    ['POST', '/tenants'],
    ['GET', '/tenants/{id}'],
    ['PATCH', '/tenants/{id}'],
  ] as const;

  it.each(REQUESTS)('is for platform admins, whatever the id: %s %s', async (method, path) => {
    const { id } = await newOne();
    const others = [await app.signUp(), await member(app, id, 'admin'), await app.tenantAdmin()];

    for (const other of others) {
      for (const one of [id, randomUUID(), 'nonexistent']) {
        const { body } = await other.request(method, path.replace('{id}', one));
        expect(body).toMatchObject({ status: 403, code: 'forbidden' });
      }
    }
    expect((await app.request(method, path.replace('{id}', id))).status).toBe(401);
  });

  it.each(['GET', 'PATCH'])('that is not there is a 404: %s', async (method) => {
    const id = randomUUID();

    expect((await platform.request(method, `/tenants/${id}`)).body).toMatchObject({
      status: 404,
      code: 'tenant_not_found',
      detail: `Tenant ${id} not found`,
    });
    expect((await platform.request(method, '/tenants/default')).body).toMatchObject({ code: 'tenant_not_found' });
  });

  it('is never chosen by a header, a query or a body (SEC-38)', async () => {
    const [ours, theirs] = [await newTenant(app), await newTenant(app)];
    const [admin, stranger] = [await member(app, ours, 'admin'), await member(app, theirs)];
    const headers = { 'x-tenant-id': theirs, tenant: theirs, 'x-forwarded-tenant': theirs };
    const listed = await admin.get('/users?per_page=100', headers);
    const { body: made } = await admin.post('/users', someAccount(), headers);

    expect(new Set(listed.body.data.map((user: { tenant_id: string }) => user.tenant_id))).toEqual(new Set([ours]));
    expect(made.tenant_id).toBe(ours);
    expect((await admin.get(`/users/${stranger.user.id}`, headers)).body.code).toBe('user_not_found');
    expect((await admin.get(`/users?tenant_id=${theirs}`)).body.data).toEqual([]);
    for (const body of [{ tenant_id: theirs }, { tenant: theirs }]) {
      expect((await admin.post('/users', { ...someAccount(), ...body })).status).toBe(422);
      expect((await admin.patch(`/users/${made.id}`, body)).status).toBe(422);
    }
  });
});
