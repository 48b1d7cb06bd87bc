import { randomUUID } from 'node:crypto';
import { Retention } from '../../src/database/retention/retention.js';
import { insertUsers, newTenant, resetPassword, rowsHolding } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { lockWaits, whileUserHeld } from '../support/connections.js';
import { newKey, verifiedMember, withKey, type MadeKey } from '../support/keys.js';
import { byAdmin, describeReplicas } from '../support/replicas.js';

/** What one replica does, and what a key of the user's is answered on the other from the next request on. */
type Case = [what: string, act: (here: TestApp, user: Client, key: MadeKey) => Promise<unknown>, status: number];

const CASES: Case[] = [
  ['its revocation', (_, user, { id }) => user.delete(`/auth/api-keys/${id}`), 401],
  [
    'its exchange without overlap',
    (_, user, { id }) => user.post(`/auth/api-keys/${id}/rotate`, { overlap_seconds: 0 }),
    401,
  ],
  ['its exchange with an overlap', (_, user, { id }) => user.post(`/auth/api-keys/${id}/rotate`), 200],
  ['a demotion below its scope', byAdmin('PATCH', { role: 'user' }), 401],
  ['a disabling', byAdmin('PATCH', { status: 'disabled' }), 401],
  ['a deletion', byAdmin('DELETE'), 401],
  ['a reset password', (here, { user }) => resetPassword(here, user.id), 401],
  [
    'the closing of the tenant',
    (here, { user }) => here.sql(`UPDATE tenants SET status = 'disabled' WHERE id = $1`, [user.tenant_id]),
    401,
  ],
  ['a logout', (_, user) => user.post('/auth/logout', { scope: 'global' }), 200],
  ['a new name', byAdmin('PATCH', { full_name: 'Somebody else' }), 200],
];

/** An admin who is not the last one. */
async function dispensableAdmin(here: TestApp): Promise<Client> {
  const tenant_id = await newTenant(here);
  await insertUsers(here, [{ tenant_id, role: 'admin' }]);
  return verifiedMember(here, tenant_id, 'admin');
}

function twoReplicas(start: () => Promise<[here: TestApp, there: TestApp]>): void {
  let [here, there]: TestApp[] = [];
  beforeAll(async () => ([here, there] = await start()));

  it.each(CASES)(
    '%s holds for a key on the other replica from the next request on (SEC-24)',
    async (_, act, status) => {
      const user = await dispensableAdmin(here!);
      const key = await newKey(user);
      expect((await withKey(there!, key.key)).status).toBe(200);

      await act(here!, user, key);

      const answer = await withKey(there!, key.key);
      expect(answer.status).toBe(status);
      if (status === 401) expect(answer.body.code).toBe('invalid_token');
    },
  );
}

describeReplicas(twoReplicas);

describe('a key and its owner', () => {
  let app: TestApp;
  let platform: Client;
  beforeAll(async () => {
    app = await startApp();
    platform = await app.admin();
  });

  it('is refused while the owner is disabled, and good again afterwards', async () => {
    const user = await dispensableAdmin(app);
    const { key } = await newKey(user);
    await platform.patch(`/users/${user.user.id}`, { status: 'disabled' });
    expect((await withKey(app, key)).status).toBe(401);
    await platform.patch(`/users/${user.user.id}`, { status: 'active' });

    expect((await withKey(app, key)).status).toBe(200);
  });

  it('outlasts a demotion as far as its scopes are still the owner’s', async () => {
    const user = await dispensableAdmin(app);
    const within = await newKey(user, { scopes: ['payments:read'] });
    const beyond = await newKey(user, { scopes: ['payments:read', 'users:read'] });
    await platform.patch(`/users/${user.user.id}`, { role: 'user' });
    const rows = await app.sql('SELECT id, role FROM api_keys WHERE user_id = $1', [user.user.id]);

    expect(rows).toEqual([{ id: within.id, role: 'user' }]);
    expect((await withKey(app, within.key)).status).toBe(403);
    expect((await withKey(app, beyond.key)).status).toBe(401);
  });

  it('has its owner’s rights of now, and no scope that it was not made with', async () => {
    const user = await verifiedMember(app, await newTenant(app));
    const { id, key } = await newKey(user);
    await platform.patch(`/users/${user.user.id}`, { role: 'admin' });

    expect(await app.sql('SELECT role, scopes FROM api_keys WHERE id = $1', [id])).toEqual([
      { role: 'admin', scopes: ['payments:read', 'payments:write'] },
    ]);
    expect((await withKey(app, key)).status).toBe(403);
  });

  it('leave nothing behind when the account is deleted', async () => {
    const user = await verifiedMember(app, await newTenant(app));
    const name = `Canary ${randomUUID()}`;
    const { id } = await newKey(user, { name });
    expect(await rowsHolding(app, [name])).toHaveLength(1);
    await user.delete('/users/me');

    expect(await rowsHolding(app, [name])).toEqual([]);
    expect((await rowsHolding(app, [id])).filter((row) => !row.startsWith('audit_events'))).toEqual([]);
  });

  it('is swept when it is over, and not before', async () => {
    const user = await verifiedMember(app, await newTenant(app));
    const [over, lasts, endless] = [
      await newKey(user, { expires_at: '2036-01-31T12:00:00Z' }),
      await newKey(user, { expires_at: '2036-01-31T12:00:00Z' }),
      await newKey(user),
    ];
    await app.sql(
      `UPDATE api_keys SET created_at = now() - interval '1 day', expires_at = now() - interval '1 second' WHERE id = $1`,
      [over.id],
    );
    const worker = await startApp({ settings: { PROCESS_ROLE: 'worker' } });
    await worker.app.get(Retention).sweep();
    await worker.close();

    expect(await app.sql('SELECT id FROM api_keys WHERE user_id = $1 ORDER BY id', [user.user.id])).toEqual([
      { id: lasts.id },
      { id: endless.id },
    ]);
  });

  it('cannot be made to say more than its owner may, by the database’s own rule', async () => {
    const user = await verifiedMember(app, await newTenant(app));
    await newKey(user);

    for (const change of [`scopes = ARRAY['users:read']`, `scopes = '{}'`, `scopes = ARRAY['*']`]) {
      await expect(app.sql(`UPDATE api_keys SET ${change} WHERE user_id = $1`, [user.user.id])).rejects.toMatchObject({
        code: '23514',
      });
    }
  });
});

describe('a key that is being made', () => {
  let [here, there]: TestApp[] = [];
  beforeAll(async () => ([here, there] = await Promise.all([startApp(), startApp()])));

  const changes: [what: string, change: (user: Client) => Promise<unknown>][] = [
    ['disabled', (user) => byAdmin('PATCH', { status: 'disabled' })(there!, user)],
    ['demoted', (user) => byAdmin('PATCH', { role: 'user' })(there!, user)],
    ['deleted', (user) => byAdmin('DELETE')(there!, user)],
    ['given a new password by mail', ({ user }) => resetPassword(there!, user.id)],
  ];

  describe.each(['first', 'second'] as const)('and comes %s', (place) => {
    it.each(changes)('is worth nothing once the user is %s (SEC-24)', async (_, change) => {
      const user = await dispensableAdmin(here!);
      const make = () => user.post('/auth/api-keys', { name: 'In between', scopes: ['users:read'] });
      const acts = place === 'first' ? [make, () => change(user)] : [() => change(user), make];
      const waiting: Promise<unknown>[] = [];
      await whileUserHeld(here!, user.user.id, async () => {
        for (const [at, act] of acts.entries()) {
          waiting.push(act());
          await lockWaits(here!, at + 1);
        }
      });
      const made = (await Promise.all(waiting)).at(place === 'first' ? 0 : 1) as Answer;

      expect([201, 401, 422]).toContain(made.status);
      const { status } = await withKey(there!, made.body.key ?? `ak_${randomUUID().replaceAll('-', '')}`);
      expect(status).toBe(401);
    });
  });

  it('is not made by a session that ended meanwhile', async () => {
    const user = await dispensableAdmin(here!);
    let made: Promise<Answer> | undefined;
    await whileUserHeld(here!, user.user.id, async () => {
      made = user.post('/auth/api-keys', { name: 'Too late' });
      await lockWaits(here!);
      await there!.sql('DELETE FROM sessions WHERE user_id = $1', [user.user.id]);
    });

    expect((await made!).body).toMatchObject({ status: 401, code: 'invalid_token' });
    expect(await here!.sql('SELECT 1 FROM api_keys WHERE user_id = $1', [user.user.id])).toEqual([]);
  });
});
