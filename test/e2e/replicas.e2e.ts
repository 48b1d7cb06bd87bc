import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { insertUsers, member, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { Client, type Answer } from '../support/client.js';
import { lockWaits, whileUserHeld } from '../support/connections.js';
import { byAdmin, describeReplicas } from '../support/replicas.js';

/** What one replica does, and what the very next request on the other is answered. */
type Case = [
  what: string,
  act: (here: TestApp, user: Client) => Promise<unknown>,
  status: number,
  code: string | undefined,
];

const CASES: Case[] = [
  ['a logout', (_, user) => user.post('/auth/logout'), 401, 'invalid_token'],
  [
    'a logout from everywhere',
    async (_, user) => (await user.again()).post('/auth/logout', { scope: 'global' }),
    401,
    'invalid_token',
  ],
  [
    'the end of that session',
    async (_, user) => {
      const { body } = await user.get('/auth/sessions');
      return user.delete(`/auth/sessions/${body.data[0].id}`);
    },
    401,
    'invalid_token',
  ],
  ['a disabling', byAdmin('PATCH', { status: 'disabled' }), 401, 'invalid_token'],
  ['a deletion', byAdmin('DELETE'), 401, 'invalid_token'],
  ['a new address', (here, user) => byAdmin('PATCH', { email: someAccount().email })(here, user), 401, 'invalid_token'],
  [
    'the closing of the tenant',
    async (here, { user }) => (await here.admin()).patch(`/tenants/${user.tenant_id}`, { status: 'disabled' }),
    401,
    'invalid_token',
  ],
  ['a demotion', byAdmin('PATCH', { role: 'user' }), 403, 'forbidden'],
  ['a new name', byAdmin('PATCH', { full_name: 'Somebody else' }), 200, undefined],
];

function twoReplicas(start: () => Promise<[here: TestApp, there: TestApp]>): void {
  let [here, there]: TestApp[] = [];
  beforeAll(async () => ([here, there] = await start()));

  it.each(CASES)('%s holds on the other replica from the next request on (SEC-24)', async (_, act, status, code) => {
    const tenant_id = await newTenant(here!);
    await insertUsers(here!, [{ tenant_id, role: 'admin' }]);
    const admin = await member(here!, tenant_id, 'admin');
    const ask = () => there!.request('GET', '/users', { token: admin.token });
    expect((await ask()).status).toBe(200);

    await act(here!, admin);

    const { body, ...answer } = await ask();
    expect(answer.status).toBe(status);
    expect(body.code).toBe(code);
  });

  it('a promotion too', async () => {
    const ada = await here!.signUp();
    const ask = () => there!.request('GET', '/users', { token: ada.token });
    expect((await ask()).status).toBe(403);

    await byAdmin('PATCH', { role: 'admin' })(here!, ada);

    expect((await ask()).status).toBe(200);
  });

  it('what was disabled and enabled again needs a new login', async () => {
    const ada = await here!.signUp();
    await byAdmin('PATCH', { status: 'disabled' })(here!, ada);
    await byAdmin('PATCH', { status: 'active' })(here!, ada);

    expect((await there!.request('GET', '/users/me', { token: ada.token })).status).toBe(401);
    expect((await there!.logIn(ada)).user.status).toBe('active');
  });
}

describeReplicas(twoReplicas);

describe('a login that is under way', () => {
  let [here, there]: TestApp[] = [];
  /** Who is held on purpose waits as long as the other takes. */
  const timings = { statement_ms: 60_000 };
  beforeAll(async () => ([here, there] = await Promise.all([startApp({ timings }), startApp({ timings })])));

  const changes: [what: string, change: () => object | 'DELETE'][] = [
    ['disabled', () => ({ status: 'disabled' })],
    ['demoted', () => ({ role: 'user' })],
    ['given another address', () => ({ email: someAccount().email })],
    ['deleted', () => 'DELETE'],
  ];
  const order = [
    ['first', 'the login', 'the change'],
    ['second', 'the change', 'the login'],
  ] as const;

  /** Both wait for the user's row, one behind the other, and are then let go. */
  async function inTurn(
    user_id: string,
    first: () => Promise<Answer>,
    second: () => Promise<Answer>,
  ): Promise<Answer[]> {
    const waiting: Promise<Answer>[] = [];
    await whileUserHeld(here!, user_id, async () => {
      waiting.push(first());
      await lockWaits(here!, 1);
      waiting.push(second());
      await lockWaits(here!, 2);
    });
    return Promise.all(waiting);
  }

  describe.each(order)('and comes %s, before or behind the change,', (place) => {
    it.each(changes)('has none of the old rights once the user is %s (SEC-24)', async (_, change) => {
      const tenant_id = await newTenant(here!);
      const [, admin] = await insertUsers(here!, [
        { tenant_id, role: 'admin' },
        { tenant_id, role: 'admin' },
      ]);
      const { id, email, password } = admin!;
      const platform = await there!.admin();
      const login = () => here!.request('POST', '/auth/login', { body: { email, password } });
      const body = change();
      const alter = () => (body === 'DELETE' ? platform.delete(`/users/${id}`) : platform.patch(`/users/${id}`, body));

      const answers = await (place === 'first' ? inTurn(id, login, alter) : inTurn(id, alter, login));
      const [loggedIn, altered] = place === 'first' ? answers : answers.toReversed();

      expect(altered!.status).toBeLessThan(300);
      expect([200, 401]).toContain(loggedIn!.status);
      const token: string = loggedIn!.body.access_token ?? 'none';
      expect((await there!.request('GET', '/users', { token })).status).toBeGreaterThanOrEqual(401);
      expect(await here!.sql(`SELECT 1 FROM sessions WHERE user_id = $1 AND role <> 'user'`, [id])).toEqual([]);
    });
  });

  it('is not hurt by a change that takes nothing away', async () => {
    const [user] = await insertUsers(here!, [{ tenant_id: DEFAULT_TENANT_ID }]);
    const { id, email, password } = user!;
    const platform = await there!.admin();
    const [renamed, loggedIn] = await inTurn(
      id,
      () => platform.patch(`/users/${id}`, { full_name: 'Ada King' }),
      () => here!.request('POST', '/auth/login', { body: { email, password } }),
    );

    expect([renamed!.status, loggedIn!.status]).toEqual([200, 200]);
  });
});
