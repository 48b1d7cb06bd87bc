import { newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { newKey, verifiedMember, withKey } from '../support/keys.js';

let app: TestApp;
let admin: Client;
beforeAll(async () => {
  app = await startApp();
  admin = await verifiedMember(app, await newTenant(app), 'admin');
});

describe('POST /auth/api-keys/{id}/rotate', () => {
  const rotate = async (client: Client, id: string, body?: object): Promise<any> => {
    const { status, body: made } = await client.post(`/auth/api-keys/${id}/rotate`, body);
    expect(status).toBe(201);
    return made;
  };
  const good = async (...keys: string[]): Promise<boolean[]> =>
    Promise.all(keys.map(async (key) => (await withKey(app, key)).status === 200));

  it('gives the same key another secret, and lets the old one go on for the overlap', async () => {
    const old = await newKey(admin, { scopes: ['users:read'], expires_at: '2036-01-31T12:00:00Z' });
    const made = await rotate(admin, old.id, { overlap_seconds: 60 });

    expect(made).toEqual({ ...old, key: expect.any(String), last_used_at: null });
    expect(made.key).not.toBe(old.key);
    expect(await good(old.key, made.key)).toEqual([true, true]);
    const [{ seconds }] = await app.sql(
      'SELECT extract(epoch FROM previous_expires_at - now())::float AS seconds FROM api_keys WHERE id = $1',
      [old.id],
    );
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(60);

    await app.sql(`UPDATE api_keys SET previous_expires_at = now() - interval '1 second' WHERE id = $1`, [old.id]);
    expect(await good(old.key, made.key)).toEqual([false, true]);
  });

  it('gives a day, unless told, and none where none is wanted', async () => {
    const [one, other] = [await newKey(admin), await newKey(admin)];
    await rotate(admin, one.id);
    const [{ hours }] = await app.sql(
      'SELECT extract(epoch FROM previous_expires_at - now())::float / 3600 AS hours FROM api_keys WHERE id = $1',
      [one.id],
    );
    const { key } = await rotate(admin, other.id, { overlap_seconds: 0 });

    expect(hours).toBeCloseTo(24, 1);
    expect(await good(other.key, key)).toEqual([false, true]);
  });

  it('leaves two keys at most, however many race', async () => {
    const first = await newKey(admin);
    const second = await rotate(admin, first.id);
    const third = await rotate(admin, first.id);
    expect(await good(first.key, second.key, third.key)).toEqual([false, true, true]);

    const made = await Promise.all([1, 2, 3, 4, 5, 6].map(() => rotate(admin, first.id)));
    expect((await good(...made.map(({ key }) => key))).filter(Boolean)).toHaveLength(2);
  });

  it('is revoked with all its secrets', async () => {
    const old = await newKey(admin);
    const { key } = await rotate(admin, old.id);
    await admin.delete(`/auth/api-keys/${old.id}`);

    expect(await good(old.key, key)).toEqual([false, false]);
  });

  it.each([
    [{ overlap_seconds: -1 }, 'minimum'],
    [{ overlap_seconds: 604_801 }, 'maximum'],
    [{ overlap_seconds: 1.5 }, 'type'],
    [{ overlap_seconds: '60' }, 'type'],
    [{ overlap_seconds: null }, 'not_null'],
    [{ scopes: ['users:read'] }, 'unknown_field'],
  ])('refuses %j', async (body, code) => {
    const { id, key } = await newKey(admin);

    expect((await admin.post(`/auth/api-keys/${id}/rotate`, body)).body).toMatchObject({
      status: 422,
      errors: [{ code }],
    });
    expect(await good(key)).toEqual([true]);
  });
});
