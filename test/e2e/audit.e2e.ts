import { randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { insertUsers, member, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { EVENT, eventsOfRequest } from '../support/trail.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  platform = await app.admin();
});

const eventsOf = (request_id: string) => eventsOfRequest(app, request_id);

type Act = (ada: Client, headers: Record<string, string>) => Promise<unknown>;
const change =
  (changes: object): Act =>
  (ada, headers) =>
    platform.patch(`/users/${ada.user.id}`, changes, headers);

describe('each change to an account is one event', () => {
  it.each<[what: string, act: Act, event: object, by: 'self' | 'admin']>([
    [
      'a change of the profile',
      (ada, headers) => ada.patch('/users/me', { full_name: 'Ada King', username: null }, headers),
      { action: 'user_updated', changes: ['full_name'] },
      'self',
    ],
    [
      'a new address',
      (ada, headers) => change({ email: someAccount().email })(ada, headers),
      { action: 'user_updated', changes: ['email', 'email_verified'] },
      'admin',
    ],
    ['a change of role', change({ role: 'admin' }), { action: 'authz_change', changes: ['role'] }, 'admin'],
    ['a disabling', change({ status: 'disabled' }), { action: 'user_disabled', changes: ['status'] }, 'admin'],
    [
      'a deletion',
      (ada, headers) => platform.delete(`/users/${ada.user.id}`, undefined, headers),
      { action: 'user_deleted' },
      'admin',
    ],
    [
      'a deletion of the own account',
      (ada, headers) => ada.delete('/users/me', undefined, headers),
      { action: 'user_deleted' },
      'self',
    ],
    [
      'a request for the own data',
      (ada, headers) => ada.post('/users/me/export', undefined, headers),
      { action: 'data_export_requested' },
      'self',
    ],
  ])('%s', async (_, act, event, by) => {
    const ada = await member(app, DEFAULT_TENANT_ID);
    await app.users.change({ id: ada.user.id }, { email_verified: true });
    const request_id = randomUUID();
    await act(ada, { 'x-request-id': request_id });

    expect(await eventsOf(request_id)).toEqual([
      {
        ...EVENT,
        tenant_id: DEFAULT_TENANT_ID,
        actor_type: 'user',
        actor_id: by === 'self' ? ada.user.id : platform.user.id,
        subject_type: 'user',
        subject_id: ada.user.id,
        ...event,
      },
    ]);
  });

  it('a sign-up, by nobody that is known', async () => {
    const request_id = randomUUID();
    const { body } = await app.request('POST', '/users', {
      body: someAccount(),
      headers: { 'x-request-id': request_id },
    });

    expect(await eventsOf(request_id)).toEqual([
      {
        ...EVENT,
        tenant_id: DEFAULT_TENANT_ID,
        actor_type: 'anonymous',
        actor_id: null,
        action: 'user_created',
        subject_type: 'user',
        subject_id: body.id,
      },
    ]);
  });

  it('a re-enabling', async () => {
    const [user] = await insertUsers(app, [{ status: 'disabled' }]);
    const request_id = randomUUID();
    await platform.patch(`/users/${user!.id}`, { status: 'active' }, { 'x-request-id': request_id });

    expect(await eventsOf(request_id)).toMatchObject([{ action: 'user_enabled', changes: ['status'] }]);
  });

  it('or one for each kind, when one request changes several', async () => {
    const [user] = await insertUsers(app, [{}]);
    const request_id = randomUUID();
    const changes = { full_name: 'Ada King', role: 'admin', status: 'disabled' };
    await platform.patch(`/users/${user!.id}`, changes, { 'x-request-id': request_id });

    expect((await eventsOf(request_id)).map(({ action, changes: names }) => [action, names])).toEqual([
      ['authz_change', ['role']],
      ['user_disabled', ['status']],
      ['user_updated', ['full_name']],
    ]);
  });

  it('in the tenant of the account, not of whoever did it', async () => {
    const tenant_id = await newTenant(app);
    const { user } = await member(app, tenant_id);
    const request_id = randomUUID();
    await platform.patch(`/users/${user.id}`, { full_name: 'Ada King' }, { 'x-request-id': request_id });

    expect(await eventsOf(request_id)).toMatchObject([{ tenant_id, actor_id: platform.user.id }]);
  });
});

describe('each login and logout is one event', () => {
  const login = async (body: object): Promise<any[]> => {
    const request_id = randomUUID();
    await app.request('POST', '/auth/login', { body, headers: { 'x-request-id': request_id } });
    return eventsOf(request_id);
  };

  it('a login, by its user', async () => {
    const [user] = await insertUsers(app, [{}]);

    expect(await login({ email: user!.email, password: user!.password })).toEqual([
      {
        ...EVENT,
        tenant_id: DEFAULT_TENANT_ID,
        actor_type: 'user',
        actor_id: user!.id,
        action: 'authn_login_success',
        subject_type: 'user',
        subject_id: user!.id,
      },
    ]);
  });

  it('a login with a wrong password, about its user', async () => {
    const tenant_id = await newTenant(app);
    const [user] = await insertUsers(app, [{ tenant_id }]);

    expect(await login({ email: user!.email, password: 'wrong' })).toEqual([
      {
        ...EVENT,
        tenant_id,
        actor_type: 'anonymous',
        actor_id: null,
        action: 'authn_login_fail',
        subject_type: 'user',
        subject_id: user!.id,
        outcome: 'failure',
        reason: 'invalid_credentials',
      },
    ]);
  });

  it('a login to no account, about nobody', async () => {
    expect(await login({ email: someAccount().email, password: 'wrong' })).toMatchObject([
      { tenant_id: DEFAULT_TENANT_ID, action: 'authn_login_fail', subject_id: null, outcome: 'failure' },
    ]);
  });

  it.each(['local', 'others', 'global'])('a logout: %s', async (scope) => {
    const ada = await app.signUp();
    const request_id = randomUUID();
    await ada.post('/auth/logout', { scope }, { 'x-request-id': request_id });

    expect(await eventsOf(request_id)).toMatchObject([
      { action: 'authn_token_revoked', reason: `logout_${scope}`, actor_id: ada.user.id, subject_type: 'session' },
    ]);
  });
});

describe('what did not happen is no event', () => {
  it.each<[what: string, act: Act]>([
    [
      'an address that is taken',
      (ada, headers) =>
        platform.patch(`/users/${ada.user.id}`, { email: platform.email, role: 'admin', full_name: 'x' }, headers),
    ],
    [
      'a sign-up with an address that is taken',
      (ada, headers) => app.request('POST', '/users', { body: { ...someAccount(), email: ada.email }, headers }),
    ],
    ['a change of nothing', (ada, headers) => ada.patch('/users/me', {}, headers)],
    ['a user who is not there', (_, headers) => platform.delete(`/users/${randomUUID()}`, undefined, headers)],
    [
      "a session that is somebody else's",
      (ada, headers) => ada.delete(`/auth/sessions/${randomUUID()}`, undefined, headers),
    ],
    ['the deletion of the last admin', (_, headers) => platform.delete('/users/me', undefined, headers)],
  ])('%s', async (_, act) => {
    const ada = await member(app, DEFAULT_TENANT_ID);
    const request_id = randomUUID();
    await act(ada, { 'x-request-id': request_id });

    expect(await eventsOf(request_id)).toEqual([]);
  });

  it('a username that two race for is one change and one event', async () => {
    const [ada, bob] = await Promise.all([app.signUp(), app.signUp()]);
    const request_id = randomUUID();
    const username = `race_${request_id.slice(0, 8)}`;
    const answers = await Promise.all(
      [ada, bob].map((one) => one.patch('/users/me', { username }, { 'x-request-id': request_id })),
    );

    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    expect(await eventsOf(request_id)).toMatchObject([{ action: 'user_updated', changes: ['username'] }]);
  });
});

describe('the first admin', () => {
  it('was made by the system', async () => {
    expect(
      await app.sql(
        'SELECT actor_type, actor_id, action, ip, request_id FROM audit_events WHERE subject_id = $1 AND action = $2',
        [platform.user.id, 'user_created'],
      ),
    ).toEqual([{ actor_type: 'system', actor_id: null, action: 'user_created', ip: null, request_id: null }]);
  });
});

describe('no event', () => {
  it('holds what a person typed', async () => {
    const rows = await app.sql<{ row: string }>('SELECT e::text AS row FROM audit_events e');

    expect(rows.length).toBeGreaterThan(20);
    for (const { row } of rows) expect(row).not.toMatch(/@|Ada|King|passphrase/);
  });
});
