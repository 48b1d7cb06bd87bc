import { randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { member, newTenant, rowsHolding } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { whileLocked } from '../support/connections.js';
import { newKey, verifiedMember, withKey } from '../support/keys.js';

let app: TestApp;
let ada: Client;
let admin: Client;
beforeAll(async () => {
  app = await startApp();
  const tenant_id = await newTenant(app);
  [ada, admin] = await Promise.all([verifiedMember(app, tenant_id), verifiedMember(app, tenant_id, 'admin')]);
});

const FORBIDDEN = { status: 403, code: 'forbidden', detail: 'Insufficient permissions' };

describe('a key', () => {
  it('reads what its scope names, as far as its owner may', async () => {
    const { key } = await newKey(admin, { scopes: ['users:read'] });
    const stranger = await member(app, await newTenant(app));

    expect((await withKey(app, key, '/users?per_page=100')).body.data.map(({ id }: { id: string }) => id)).toContain(
      ada.user.id,
    );
    expect((await withKey(app, key, `/users/${ada.user.id}`)).body).toEqual(ada.user);
    expect((await withKey(app, key, `/users/${stranger.user.id}`)).status).toBe(404);
    expect((await withKey(app, key, `/users?tenant_id=${DEFAULT_TENANT_ID}`)).body.data).toEqual([]);
  });

  it('without the scope is refused, its own account too (SEC-31)', async () => {
    const keys = [await newKey(admin, { scopes: ['payments:read', 'payments:write'] }), await newKey(ada)];
    for (const { key } of keys) {
      for (const path of ['/users', `/users/${ada.user.id}`, `/users/${admin.user.id}`]) {
        expect((await withKey(app, key, path)).body).toMatchObject(FORBIDDEN);
      }
    }
  });

  it.each([
    ['GET', '/users/me'],
    ['PATCH', '/users/me'],
    ['DELETE', '/users/me'],
    ['POST', '/users'],
    ['GET', '/auth/sessions'],
    ['POST', '/auth/logout'],
    ['GET', '/auth/api-keys'],
    ['POST', '/auth/api-keys'],
    ['GET', '/audit-events'],
  ])('is refused where no scope is declared, whatever it may do: %s %s (SEC-31)', async (method, path) => {
    const { key } = await newKey(admin);

    expect((await withKey(app, key, path, method)).body).toMatchObject(FORBIDDEN);
  });

  it('neither revokes nor exchanges itself', async () => {
    const { id, key } = await newKey(admin);

    expect((await withKey(app, key, `/auth/api-keys/${id}`, 'DELETE')).body).toMatchObject(FORBIDDEN);
    expect((await withKey(app, key, `/auth/api-keys/${id}/rotate`, 'POST')).body).toMatchObject(FORBIDDEN);
    expect((await withKey(app, key)).status).toBe(200);
  });

  it('is of no use at a login, which asks for no identity', async () => {
    const { key } = await newKey(admin);
    const { email, password } = ada;

    expect((await app.request('POST', '/auth/login', { body: { email, password }, token: key })).status).toBe(200);
  });

  it('has last_used_at written at most once a minute, and waits for nobody to write it', async () => {
    const { id, key } = await newKey(admin);
    const used = async (): Promise<string | null> =>
      (await admin.get('/auth/api-keys')).body.data.find((one: { id: string }) => one.id === id).last_used_at;
    const usedBefore = (seconds: number) =>
      app.sql('UPDATE api_keys SET last_used_at = now() - make_interval(secs => $2) WHERE id = $1', [id, seconds]);
    expect(await used()).toBeNull();
    await withKey(app, key);
    expect(await used()).toMatch(/Z$/);

    await usedBefore(30);
    const recent = await used();
    await withKey(app, key);
    expect(await used()).toBe(recent);

    await usedBefore(70);
    const old = await used();
    await whileLocked(app, 'SELECT 1 FROM api_keys WHERE id = $1 FOR UPDATE', [id], async () => {
      expect((await withKey(app, key)).status).toBe(200);
    });
    expect(await used()).toBe(old);
    await withKey(app, key);
    expect(await used()).not.toBe(old);
  });

  it('that is over is refused, and no longer shown', async () => {
    const { id, key } = await newKey(admin, { expires_at: '2036-01-31T12:00:00Z' });
    expect((await withKey(app, key)).status).toBe(200);
    await app.sql(
      `UPDATE api_keys SET created_at = now() - interval '1 day', expires_at = now() - interval '1 second' WHERE id = $1`,
      [id],
    );

    expect((await withKey(app, key)).body).toMatchObject({ status: 401, code: 'invalid_token' });
    expect((await admin.get('/auth/api-keys')).text).not.toContain(id);
    expect((await admin.post(`/auth/api-keys/${id}/rotate`)).status).toBe(404);
  });

  it('is nowhere to be read: in no table, no line of the log', async () => {
    const { key } = await newKey(admin);
    await withKey(app, key);
    await withKey(app, key, '/users/me');
    const secret = key.slice(-43);

    expect(await rowsHolding(app, [key, secret, Buffer.from(secret).toString('hex')])).toEqual([]);
    expect(app.logs.filter((line) => line.includes(secret))).toEqual([]);
  });
});

describe('what is no key of ours', () => {
  type Forge = (key: string, other: string) => string;
  it.each<[what: string, forge: Forge]>([
    ['nothing', () => ''],
    ['the beginning alone', () => 'ak_'],
    ['a beginning and rubbish', () => 'ak_x'],
    ['the prefix', (key) => key.slice(0, 35)],
    ['the prefix and a line', (key) => key.slice(0, 36)],
    ['an id that is none', (key) => `ak_nonsense_${key.slice(-43)}`],
    ['an id that was never given', (key) => `ak_${randomUUID().replaceAll('-', '')}_${key.slice(-43)}`],
    ['another secret', (key, other) => key.slice(0, 36) + other.slice(-43)],
    ['one character less', (key) => key.slice(0, -1)],
    ['one character more', (key) => `${key}x`],
    ['its hash for the secret', (key) => `${key.slice(0, 36)}${'A'.repeat(43)}`],
    ['capitals', (key) => key.toUpperCase()],
    ['10,000 characters', (key) => key + 'x'.repeat(10_000)],
  ])('is 401: %s', async (_, forge) => {
    const [one, other] = [await newKey(admin), await newKey(admin)];
    const answer = await app.request('GET', '/users', { token: forge(one.key, other.key) });

    expect(answer.body).toMatchObject({ status: 401, code: 'invalid_token', detail: 'Invalid token' });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  });

  it('is no identity anywhere else than in the Authorization header, as Bearer', async () => {
    const { key } = await newKey(admin);
    const ask = (headers: Record<string, string>, query = '') => app.request('GET', `/users${query}`, { headers });

    expect((await ask({ 'x-api-key': key })).body.code).toBe('unauthenticated');
    expect((await ask({ cookie: `api_key=${key}` })).body.code).toBe('unauthenticated');
    expect((await ask({}, `?api_key=${key}`)).body.code).toBe('unauthenticated');
    expect((await ask({ authorization: key })).body.code).toBe('invalid_token');
    expect((await ask({ authorization: `Basic ${btoa(`${key}:`)}` })).body.code).toBe('invalid_token');
  });
});
