import { randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { newKey, verifiedMember } from '../support/keys.js';

let app: TestApp;
let tenant_id: string;
let ada: Client;
let admin: Client;
beforeAll(async () => {
  app = await startApp();
  tenant_id = await newTenant(app);
  [ada, admin] = await Promise.all([verifiedMember(app, tenant_id), verifiedMember(app, tenant_id, 'admin')]);
});

const make = (client: Client, body: object): Promise<Answer> => client.post('/auth/api-keys', body);

describe('POST /auth/api-keys', () => {
  it('gives the key this once, and what it is', async () => {
    const send = conforming(app.send);
    const expires_at = '2036-01-31T13:00:00.123+01:00';
    const body = { name: ' Nightly report ', scopes: ['payments:write', 'payments:read'], expires_at };
    const made = await send('POST', '/auth/api-keys', { body, token: ada.token });

    expect(made.status).toBe(201);
    expect(made.headers.get('cache-control')).toBe('no-store');
    expect(made.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'Nightly report',
      key: expect.stringMatching(/^ak_[0-9a-f]{32}_[\w-]{43}$/),
      prefix: `ak_${made.body.id.replaceAll('-', '')}`,
      scopes: ['payments:read', 'payments:write'],
      expires_at: '2036-01-31T12:00:00.123Z',
      last_used_at: null,
      created_at: expect.stringMatching(/Z$/),
    });
    expect(made.body.key.startsWith(`${made.body.prefix}_`)).toBe(true);
    const { key, ...shown } = made.body;
    const list = await send('GET', '/auth/api-keys', { token: ada.token });
    expect(list.body.data).toContainEqual(shown);
    expect(list.text).not.toContain(key.slice(-43));
  });

  it.each([
    ['user', ['payments:read', 'payments:write']],
    ['admin', ['payments:read', 'payments:write', 'users:read']],
    ['platform_admin', ['payments:read', 'payments:write', 'users:read']],
  ] as const)('is good for all that the user may, unless told: %s', async (role, scopes) => {
    const { body } = await make(await verifiedMember(app, DEFAULT_TENANT_ID, role), { name: 'All' });

    expect([body.scopes, body.expires_at]).toEqual([scopes, null]);
  });

  it('makes no key that may more than its maker', async () => {
    expect((await make(ada, { name: 'x', scopes: ['payments:read', 'users:read'] })).body).toMatchObject({
      status: 422,
      code: 'validation_failed',
      errors: [{ pointer: '#/scopes', code: 'beyond_rights' }],
    });
  });

  it.each([
    [{}, '#/name', 'required'],
    [{ name: ' ' }, '#/name', 'min_length'],
    [{ name: 'x'.repeat(101) }, '#/name', 'max_length'],
    [{ scopes: null }, '#/scopes', 'not_null'],
    [{ scopes: [] }, '#/scopes', 'min_items'],
    [{ scopes: 'payments:read' }, '#/scopes', 'type'],
    [{ scopes: ['payments:read', 'payments:read'] }, '#/scopes', 'unique'],
    [{ scopes: ['*'] }, '#/scopes', 'enum'],
    [{ scopes: [['payments:read']] }, '#/scopes', 'enum'],
    [{ expires_at: null }, '#/expires_at', 'not_null'],
    [{ expires_at: 2_000_000_000_000 }, '#/expires_at', 'type'],
    [{ expires_at: '2036-01-31' }, '#/expires_at', 'date_time'],
    [{ expires_at: '2020-01-31T12:00:00Z' }, '#/expires_at', 'future'],
    [{ user_id: randomUUID() }, '#/user_id', 'unknown_field'],
    [{ tenant_id: DEFAULT_TENANT_ID }, '#/tenant_id', 'unknown_field'],
    [{ role: 'admin' }, '#/role', 'unknown_field'],
    [{ key: 'ak_mine' }, '#/key', 'unknown_field'],
  ])('refuses %j (SEC-33)', async (body, pointer, code) => {
    expect((await make(ada, { ...(pointer !== '#/name' && { name: 'x' }), ...body })).body).toMatchObject({
      status: 422,
      errors: [{ pointer, code }],
    });
  });

  it('wants a recent login, and so does an exchange; to see and to revoke keys none is wanted (SEC-16)', async () => {
    const bob = await verifiedMember(app, tenant_id);
    const { id } = await newKey(bob);
    await app.sql(`UPDATE sessions SET auth_time = now() - interval '16 minutes' WHERE user_id = $1`, [bob.user.id]);

    expect((await make(bob, { name: 'x' })).body).toMatchObject({ status: 401, code: 'reauth_required' });
    expect((await bob.post(`/auth/api-keys/${id}/rotate`)).body).toMatchObject({
      status: 401,
      code: 'reauth_required',
    });
    expect((await bob.get('/auth/api-keys')).body.data).toHaveLength(1);
    expect((await bob.delete(`/auth/api-keys/${id}`)).status).toBe(204);
  });

  it('wants a verified address, and so does an exchange', async () => {
    const bob = await verifiedMember(app, tenant_id);
    const { id } = await newKey(bob);
    await app.users.change({ id: bob.user.id }, { email_verified: false });

    expect((await make(bob, { name: 'x' })).body).toMatchObject({ status: 403, code: 'email_not_verified' });
    expect((await bob.post(`/auth/api-keys/${id}/rotate`)).body).toMatchObject({
      status: 403,
      code: 'email_not_verified',
    });
  });

  it('makes a hundred keys at most, however many race for the last place', async () => {
    const bob = await verifiedMember(app, tenant_id);
    await newKey(bob);
    await app.sql(
      `INSERT INTO api_keys (id, tenant_id, user_id, role, name, scopes, key_hash)
       SELECT gen_random_uuid(), tenant_id, user_id, role, name, scopes, sha256(n::text::bytea)
       FROM api_keys, generate_series(1, 97) AS n WHERE user_id = $1`,
      [bob.user.id],
    );
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => make(bob, { name: 'x' })));

    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 201, 422, 422, 422]);
    expect(answers.find(({ status }) => status === 422)!.body.errors).toMatchObject([
      { pointer: '#', code: 'too_many' },
    ]);
    const { data } = (await bob.get('/auth/api-keys')).body;
    expect(data).toHaveLength(100);
    expect((await bob.post(`/auth/api-keys/${data[0].id}/rotate`)).status).toBe(201);
  });
});

describe('GET and DELETE /auth/api-keys', () => {
  it('show and revoke the own keys alone, newest first (SEC-32)', async () => {
    const [bob, eve] = [await verifiedMember(app, tenant_id), await verifiedMember(app, tenant_id)];
    const [first, second] = [await newKey(bob), await newKey(bob)];

    expect((await bob.get('/auth/api-keys')).body.data.map(({ id }: { id: string }) => id)).toEqual([
      second.id,
      first.id,
    ]);
    for (const stranger of [eve, admin]) {
      expect((await stranger.get('/auth/api-keys')).text).not.toContain(first.id);
      for (const id of [first.id, randomUUID(), 'nonexistent']) {
        for (const answer of [
          await stranger.delete(`/auth/api-keys/${id}`),
          await stranger.post(`/auth/api-keys/${id}/rotate`),
        ]) {
          expect(answer.body).toMatchObject({ status: 404, code: 'api_key_not_found' });
        }
      }
    }
    expect(await bob.delete(`/auth/api-keys/${first.id.toUpperCase()}`)).toMatchObject({ status: 204, text: '' });
    expect((await bob.delete(`/auth/api-keys/${first.id}`)).status).toBe(404);
    expect((await bob.get('/auth/api-keys')).body.data).toHaveLength(1);
  });
});
