import { randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { Limiter } from '../../src/limits/limiter.js';
import { insertUsers, member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Account, Answer, Client } from '../support/client.js';
import { newKey, verifiedMember, withKey } from '../support/keys.js';
import { BEHIND_GATEWAY, PATIENT, someAddress } from '../support/visitors.js';

let app: TestApp;
let tenant_id: string;
let admin: Client;
beforeAll(async () => {
  app = await startApp({
    settings: {
      ...BEHIND_GATEWAY,
      RATE_LIMIT_LOGIN_ACCOUNT: '4/15m',
      RATE_LIMIT_MFA: '2/15m',
      RATE_LIMIT_RECOVERY: '2/15m',
    },
    timings: PATIENT,
  });
  tenant_id = await newTenant(app);
  admin = await member(app, tenant_id, 'admin');
});

/** The events that one request left behind. */
const eventsOf = (request_id: string) =>
  app.sql(
    'SELECT tenant_id, actor_id, action, subject_id, outcome, reason FROM audit_events WHERE request_id = $1 ORDER BY id',
    [request_id],
  );
const isIn = async (client: Client): Promise<boolean> => (await client.get('/users/me')).status === 200;

describe('POST /users/{id}/logout', () => {
  it('ends all sessions of the user, and nobody else’s, and leaves keys alone', async () => {
    const ada = await verifiedMember(app, tenant_id, 'admin');
    const { key } = await newKey(ada);
    const [again, bob] = [await ada.again(), await member(app, tenant_id)];

    expect(await admin.post(`/users/${ada.user.id}/logout`)).toMatchObject({ status: 204, text: '' });
    expect([await isIn(ada), await isIn(again), await isIn(bob), await isIn(admin)]).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect((await withKey(app, key)).status).toBe(200);
    expect((await ada.again()).user.id).toBe(ada.user.id);
  });

  it('is no matter where there is no session', async () => {
    const [user] = await insertUsers(app, [{ tenant_id }]);

    expect((await admin.post(`/users/${user!.id}/logout`)).status).toBe(204);
  });
});

describe('POST /users/{id}/unlock', () => {
  const logIn = ({ email, password }: Account, address: string): Promise<Answer> =>
    app.send('POST', '/auth/login', { body: { email, password }, headers: { 'x-forwarded-for': address } });
  const lock = async (account: Account): Promise<void> => {
    const guess = { ...account, password: 'wrong' };
    while ((await logIn(guess, someAddress())).status !== 429);
  };

  it('forgives the failed logins of one account', async () => {
    const [ada, bob] = await insertUsers(app, [{ tenant_id }, { tenant_id }]);
    await Promise.all([lock(ada!), lock(bob!)]);
    expect((await logIn(ada!, someAddress())).status).toBe(429);

    expect(await admin.post(`/users/${ada!.id}/unlock`)).toMatchObject({ status: 204, text: '' });
    expect((await logIn(ada!, someAddress())).status).toBe(200);
    expect((await logIn(bob!, someAddress())).status).toBe(429);
  });

  it('leaves the addresses known that the account was used from (SEC-10)', async () => {
    const [ada] = await insertUsers(app, [{ tenant_id }]);
    const home = someAddress();
    await logIn(ada!, home);
    await lock(ada!);
    await admin.post(`/users/${ada!.id}/unlock`);
    await lock(ada!);

    expect((await logIn(ada!, someAddress())).status).toBe(429);
    expect((await logIn(ada!, home)).status).toBe(200);
  });

  it('forgives the codes that were tried', async () => {
    const [ada, bob] = await insertUsers(app, [{ tenant_id }, { tenant_id }]);
    const limiter = app.app.get(Limiter);
    const tries = async (id: string): Promise<number> => {
      let count = 0;
      while (
        await limiter.take({ mfa: id }).then(
          () => true,
          () => false,
        )
      )
        count += 1;
      return count;
    };
    expect([await tries(ada!.id), await tries(bob!.id)]).toEqual([2, 2]);
    await admin.post(`/users/${ada!.id}/unlock`);

    expect([await tries(ada!.id), await tries(bob!.id)]).toEqual([2, 0]);
  });

  it('forgives the links that were asked for: somebody else may have asked', async () => {
    const [ada] = await insertUsers(app, [{ tenant_id }]);
    const forget = (): Promise<Answer> =>
      app.send('POST', '/auth/password/forgot', {
        body: { email: ada!.email },
        headers: { 'x-forwarded-for': someAddress() },
      });
    while ((await forget()).status !== 429);
    await admin.post(`/users/${ada!.id}/unlock`);

    expect((await forget()).status).toBe(202);
  });
});

describe.each([
  ['logout', 'user_logged_out'],
  ['unlock', 'user_unlocked'],
])('POST /users/{id}/%s', (deed, action) => {
  it('is one event in the trail', async () => {
    const { user } = await member(app, tenant_id);
    const request_id = randomUUID();
    await admin.post(`/users/${user.id}/${deed}`, undefined, { 'x-request-id': request_id });

    expect(await eventsOf(request_id)).toEqual([
      { tenant_id, actor_id: admin.user.id, action, subject_id: user.id, outcome: 'success', reason: null },
    ]);
  });

  it('is for admins, whoever it is about', async () => {
    const [ada, bob] = [await member(app, tenant_id), await member(app, tenant_id)];

    for (const id of [ada.user.id, bob.user.id, randomUUID(), 'nonexistent']) {
      expect((await app.request('POST', `/users/${id}/${deed}`)).status).toBe(401);
      expect((await ada.post(`/users/${id}/${deed}`)).body).toMatchObject({ status: 403, code: 'forbidden' });
    }
  });

  it('finds nobody of another tenant, unless for a platform admin', async () => {
    const stranger = await member(app, await newTenant(app));

    for (const id of [stranger.user.id, randomUUID(), 'nonexistent']) {
      expect((await admin.post(`/users/${id}/${deed}`)).body).toMatchObject({ status: 404, code: 'user_not_found' });
    }
    expect(await isIn(stranger)).toBe(true);
    const request_id = randomUUID();
    const platform = await app.admin();
    expect(
      (await platform.post(`/users/${stranger.user.id}/${deed}`, undefined, { 'x-request-id': request_id })).status,
    ).toBe(204);
    expect(await eventsOf(request_id)).toMatchObject([{ tenant_id: stranger.user.tenant_id }]);
  });

  it('is no admin’s to do to a platform admin', async () => {
    const [admin_of_default, platform] = [await member(app, DEFAULT_TENANT_ID, 'admin'), await app.admin()];
    const request_id = randomUUID();
    const path = `/users/${platform.user.id}/${deed}`;

    expect((await admin_of_default.post(path, undefined, { 'x-request-id': request_id })).body).toMatchObject({
      status: 403,
      code: 'forbidden',
    });
    expect(await isIn(platform)).toBe(true);
    expect(await eventsOf(request_id)).toMatchObject([{ action: 'authz_fail' }]);
  });
});

describe('whoever is refused (SEC-35)', () => {
  let ada: Client;
  beforeAll(async () => (ada = await member(app, tenant_id)));

  type Act = (headers: Record<string, string>, id: string) => Promise<Answer>;
  it.each<[where: string, act: Act, about: 'the id' | 'nothing', reason: string]>([
    ['by the guard, for the role', (headers) => ada.get('/users', headers), 'nothing', 'forbidden'],
    [
      'by the guard, about somebody',
      (headers, id) => ada.post(`/users/${id}/logout`, undefined, headers),
      'the id',
      'forbidden',
    ],
    [
      'by the guard, for the address',
      (headers) => ada.post('/auth/api-keys', { name: 'x' }, headers),
      'nothing',
      'email_not_verified',
    ],
    [
      'by the rules, within a transaction that was rolled back',
      (headers) => ada.patch(`/users/${ada.user.id}`, { role: 'admin', full_name: 'Not written' }, headers),
      'the id',
      'forbidden',
    ],
  ])('leaves one event: %s', async (_, act, about, reason) => {
    const request_id = randomUUID();
    const { status } = await act({ 'x-request-id': request_id }, ada.user.id);

    expect(status).toBe(403);
    expect(await eventsOf(request_id)).toEqual([
      {
        tenant_id,
        actor_id: ada.user.id,
        action: 'authz_fail',
        subject_id: about === 'the id' ? ada.user.id : null,
        outcome: 'failure',
        reason,
      },
    ]);
  });

  it('leaves none where it is no matter of rights, or nobody is known', async () => {
    const request_id = randomUUID();
    const headers = { 'x-request-id': request_id };
    await ada.get(`/users/${randomUUID()}`, headers);
    await app.request('GET', '/users', { headers });
    await app.request('GET', '/users', { headers, token: 'ak_forged' });

    expect(await eventsOf(request_id)).toEqual([]);
  });

  it('is told the same though the trail cannot be written to, and the log says so once', async () => {
    await app.sql('ALTER TABLE audit_events ADD CONSTRAINT broken CHECK (false) NOT VALID');
    try {
      for (const _ of [1, 2]) {
        expect((await ada.get('/users')).body).toMatchObject({ status: 403, code: 'forbidden' });
        expect((await ada.patch(`/users/${ada.user.id}`, { role: 'admin' })).status).toBe(403);
      }
    } finally {
      await app.sql('ALTER TABLE audit_events DROP CONSTRAINT broken');
    }
    expect((await ada.get('/users')).status).toBe(403);
    const told = app.logs.filter((line) => line.includes('Writing down who was refused'));

    expect(told.map((line) => JSON.parse(line).msg)).toEqual([
      'Writing down who was refused fails: QueryFailedError 23514',
      'Writing down who was refused works again',
    ]);
  });
});
