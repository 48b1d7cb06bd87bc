import type { User } from '../../src/users/user.entity.js';
import { insertUsers, member, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { lockWaits, whileLocked, whileUserHeld } from '../support/connections.js';
import { ADMIN } from '../support/stage.js';

let replicas: [TestApp, TestApp];
let app: TestApp;
/** What matters here is who wins, and not how long everybody waits. */
const timings = { statement_ms: 60_000, pool_wait_ms: 60_000 };
beforeAll(async () => {
  replicas = await Promise.all([startApp({ timings }), startApp({ timings })]);
  [app] = replicas;
});

/** The same on both replicas, at once. */
const rush = (count: number, act: (at: TestApp, turn: number) => Promise<Answer>): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, (_, turn) => act(replicas[turn % 2]!, turn)));

const tally = (answers: Answer[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const what = [status, body?.code].filter(Boolean).join(' ');
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
};

describe('fifty sign-ups at once', () => {
  it('with one address are one account, forty-nine times 409, and one welcome', async () => {
    const { email, ...rest } = someAccount();
    const answers = await rush(50, (at, turn) =>
      at.request('POST', '/users', { body: { ...rest, email: turn % 3 ? email : email.toUpperCase() } }),
    );

    expect(tally(answers)).toEqual({ '201': 1, '409 email_taken': 49 });
    const users = await app.users.find({ email });
    expect(users).toHaveLength(1);
    await app.mail(email, 'Welcome!');
    expect(await app.sql('SELECT 1 FROM outbox WHERE subject_id = $1', [users[0]!.id])).toHaveLength(1);
    expect(app.inbox.list().filter(({ to }) => to.includes(email))).toHaveLength(1);
  });

  it('with one username are one account too', async () => {
    const answers = await rush(50, (at, turn) =>
      at.request('POST', '/users', { body: { ...someAccount(), username: turn % 2 ? 'Contended' : 'cONTENDED' } }),
    );

    expect(tally(answers)).toEqual({ '201': 1, '409 username_taken': 49 });
  });
});

describe('two admins who turn on each other', () => {
  const inCharge = (tenant_id: string) =>
    app.users.find({ tenant_id, role: ['admin', 'platform_admin'], status: 'active' });

  async function pairOf(tenant_id: string, role: User['role']): Promise<[Client, Client]> {
    return [await member(replicas[0], tenant_id, role), await member(replicas[1], tenant_id, role)];
  }

  /** While the first admin is away, the pair is all that the installation has. */
  async function withNoOtherChief(work: () => Promise<void>): Promise<void> {
    const setStatus = (status: User['status']) => app.users.change({ email: ADMIN.email }, { status });
    await setStatus('disabled');
    try {
      await work();
    } finally {
      await setStatus('active');
    }
  }

  /**
   * Both at once; exactly one of them gets through. The other is refused as whoever comes later is: as the user
   * that he is by then, to whom somebody else's account is 404 and a route for admins 403.
   */
  async function clash(
    [one, other]: [Client, Client],
    act: (by: Client, at: Client) => Promise<Answer>,
  ): Promise<void> {
    const answers = await Promise.all([act(one, other), act(other, one)]);

    expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
    for (const { status } of answers) expect([200, 204, 401, 403, 404, 409]).toContain(status);
  }

  it.each(['admin', 'platform_admin'] as const)(
    'and demote: one %s stays, a hundred times out of a hundred',
    async (role) => {
      const tenant_id = await newTenant(app);
      const pair = await pairOf(tenant_id, role);
      await withNoOtherChief(async () => {
        for (let round = 1; round <= 100; round++) {
          await clash(pair, (by, { user }) => by.patch(`/users/${user.id}`, { role: 'user' }));

          expect(await inCharge(tenant_id)).toHaveLength(1);
          for (const table of ['users', 'sessions']) {
            await app.sql(`UPDATE ${table} SET role = $2 WHERE tenant_id = $1`, [tenant_id, role]);
          }
        }
      });
    },
  );

  it.each<[what: string, act: (by: Client, at: Client) => Promise<Answer>]>([
    ['disable', (by, { user }) => by.patch(`/users/${user.id}`, { status: 'disabled' })],
    ['delete', (by, { user }) => by.delete(`/users/${user.id}`)],
    ['leave, each for himself', (by) => by.delete('/users/me')],
  ])('and %s: one stays, five times out of five', async (_, act) => {
    for (let round = 1; round <= 5; round++) {
      const tenant_id = await newTenant(app);
      await clash(await pairOf(tenant_id, 'admin'), act);

      expect(await inCharge(tenant_id)).toHaveLength(1);
    }
  });
});

describe("an admin's change of somebody else, overtaken by", () => {
  type Act = (chief: Client, admin: Client, tenant_id: string) => Promise<Answer>;
  const LOSSES: [loss: string, lose: Act][] = [
    ['a demotion', (chief, { user }) => chief.patch(`/users/${user.id}`, { role: 'user' })],
    ['a disabling', (chief, { user }) => chief.patch(`/users/${user.id}`, { status: 'disabled' })],
    ['a deletion', (chief, { user }) => chief.delete(`/users/${user.id}`)],
    [
      'the closing of the tenant',
      (chief, _, tenant_id) => chief.patch(`/tenants/${tenant_id}`, { status: 'disabled' }),
    ],
  ];
  const WAITS: [place: string, sql: string, of: 'account' | 'tenant'][] = [
    ['the account', `SELECT pg_advisory_xact_lock(hashtextextended('account:' || $1, 0))`, 'account'],
    ['the tenant', 'SELECT 1 FROM tenants WHERE id = $1 FOR UPDATE', 'tenant'],
  ];

  describe.each(LOSSES)('%s', (_, lose) => {
    it.each(WAITS)('while it waits for %s, is not made: the target is a plain user', async (__, sql, of) => {
      const tenant_id = await newTenant(app);
      const [target] = await insertUsers(app, [{ tenant_id }, { tenant_id, role: 'admin' }]);
      const [admin, chief] = [await member(replicas[0], tenant_id, 'admin'), await replicas[1].admin()];
      const change = () => admin.patch(`/users/${target!.id}`, { role: 'admin' });

      const answers: Promise<Answer>[] = [];
      await whileLocked(app, sql, [of === 'account' ? target!.id : tenant_id], async () => {
        if (of === 'account') {
          answers.push(change());
          await lockWaits(app, 1);
          answers.unshift(lose(chief, admin, tenant_id));
          await answers[0];
          return;
        }
        answers.push(lose(chief, admin, tenant_id));
        await lockWaits(app, 1);
        answers.push(change());
        await lockWaits(app, 2);
      });
      const [lost, changed] = await Promise.all(answers);

      expect(lost!.status).toBeLessThan(300);
      expect(changed!.body).toMatchObject({ status: 403, code: 'forbidden' });
      expect(await app.users.find({ id: target!.id })).toMatchObject([{ role: 'user' }]);
    });
  });

  it('nothing, is made though it waits for the row itself; what takes the rights away waits for it', async () => {
    const tenant_id = await newTenant(app);
    const [target] = await insertUsers(app, [{ tenant_id }, { tenant_id, role: 'admin' }]);
    const [admin, chief] = [await member(app, tenant_id, 'admin'), await app.admin()];

    const answers: Promise<Answer>[] = [];
    const begin = async () => {
      answers.push(admin.patch(`/users/${target!.id}`, { full_name: 'Grace Hopper' }));
      await lockWaits(app, 1);
      answers.push(chief.patch(`/users/${admin.user.id}`, { role: 'user' }));
      await lockWaits(app, 2);
    };
    await whileUserHeld(app, target!.id, begin, 'shared');

    // The other way round the change would be refused.
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('a demotion, makes no account in the tenant either', async () => {
    const tenant_id = await newTenant(app);
    await insertUsers(app, [{ tenant_id, role: 'admin' }]);
    const [admin, chief] = [await member(app, tenant_id, 'admin'), await app.admin()];
    const account = someAccount();

    const answers: Promise<Answer>[] = [];
    await whileLocked(app, 'SELECT 1 FROM tenants WHERE id = $1 FOR UPDATE', [tenant_id], async () => {
      answers.push(chief.patch(`/users/${admin.user.id}`, { role: 'user' }));
      await lockWaits(app, 1);
      answers.push(admin.post('/users', account), admin.post('/invitations', { email: account.email }));
      await lockWaits(app, 3);
    });

    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 403, 403]);
    expect(await app.users.find({ email: account.email })).toEqual([]);
  });
});

describe('changes at once to one account', () => {
  it('are all made, and none is lost', async () => {
    const [user] = await insertUsers(app, [{}]);
    const [admin, self] = [await app.admin(), await app.logIn(user!)];
    const path = `/users/${user!.id}`;
    const answers = await rush(30, (_, turn) => {
      if (turn % 3 === 0) return self.patch('/users/me', { full_name: `Name ${turn}` });
      if (turn % 3 === 1) return admin.patch(path, { username: `name_${turn}` });
      return admin.patch(path, { role: turn % 2 ? 'admin' : 'user' });
    });

    expect(tally(answers)).toEqual({ '200': 30 });
    const [{ version, full_name, username }] = (await app.users.find({ id: user!.id })) as [User];
    expect(full_name).toMatch(/^Name \d+$/);
    expect(username).toMatch(/^name_\d+$/);
    const events = await app.sql(
      `SELECT 1 FROM audit_events WHERE subject_id = $1 AND action IN ('user_updated', 'authz_change')`,
      [user!.id],
    );
    expect(events).toHaveLength(version - 1);
  });

  it('are one deletion and otherwise 404', async () => {
    const [user] = await insertUsers(app, [{}]);
    const admin = await app.admin();
    const answers = await rush(10, () => admin.delete(`/users/${user!.id}`));

    expect(tally(answers)).toEqual({ '204': 1, '404 user_not_found': 9 });
    const events = await app.sql(`SELECT 1 FROM audit_events WHERE subject_id = $1 AND action = 'user_deleted'`, [
      user!.id,
    ]);
    expect(events).toHaveLength(1);
  });

  it('that swap two usernames end in one order or the other, and never in a failure of ours', async () => {
    const [ada, bob] = await Promise.all([app.signUp({ username: 'swap_a' }), app.signUp({ username: 'swap_b' })]);
    const answers = await Promise.all([
      ada.patch('/users/me', { username: 'swap_b' }),
      bob.patch('/users/me', { username: 'swap_a' }),
    ]);

    for (const { status } of answers) expect([200, 409]).toContain(status);
    expect(answers.some(({ status }) => status === 409)).toBe(true);
  });
});
