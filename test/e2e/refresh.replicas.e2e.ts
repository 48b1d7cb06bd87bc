import type { User } from '../../src/users/user.entity.js';
import { insertUsers, newTenant, resetPassword } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Account, Answer } from '../support/client.js';
import { lockWaits, whileLocked } from '../support/connections.js';
import { describeReplicas } from '../support/replicas.js';
import { isIn, openSession, refresh, refreshed, sessionIdOf, type TokenPair } from '../support/tokens.js';

const byAdmin =
  (method: string, body?: () => object) =>
  async (here: TestApp, id: string): Promise<Answer> =>
    (await here.admin()).request(method, `/users/${id}`, { body: body?.() });

type Change = [what: string, change: (here: TestApp, id: string) => Promise<unknown>];

/** What takes all rights away. */
const ENDS: Change[] = [
  ['disabled', byAdmin('PATCH', () => ({ status: 'disabled' }))],
  ['deleted', byAdmin('DELETE')],
  ['given another address', byAdmin('PATCH', () => ({ email: someAccount().email }))],
  ['given another password by a reset', resetPassword],
];
const DEMOTED: Change = ['demoted', byAdmin('PATCH', () => ({ role: 'user' }))];

interface Admin extends Account {
  readonly id: string;
  readonly tokens: TokenPair;
}

/** An admin who is not the tenant's only one, signed in. */
async function someAdmin(here: TestApp): Promise<Admin> {
  const tenant_id = await newTenant(here);
  const [, user] = await insertUsers(here, [
    { tenant_id, role: 'admin' },
    { tenant_id, role: 'admin' },
  ]);
  return { ...user!, tokens: await openSession(here, user) };
}

function twoReplicas(start: () => Promise<[here: TestApp, there: TestApp]>): void {
  let [here, there]: TestApp[] = [];
  beforeAll(async () => ([here, there] = await start()));

  const logout: Change = [
    'logged out everywhere',
    async (at, id) => {
      const [{ email }] = (await at.users.find({ id })) as [User];
      const tokens = await openSession(at, { email, password: someAccount().password });
      await at.send('POST', '/auth/logout', { token: tokens.access_token, body: { scope: 'global' } });
    },
  ];

  it.each([...ENDS, logout])('a user who was %s is not refreshed on the other replica (SEC-24)', async (_, change) => {
    const { id, tokens } = await someAdmin(here!);
    const next = await refreshed(there!, tokens);

    await change(here!, id);

    for (const { refresh_token } of [next, tokens]) {
      expect((await refresh(there!, refresh_token)).body.code).toBe('invalid_token');
    }
    expect(await isIn(there!, next)).toBe(false);
  });

  it('a user who was demoted is refreshed with the rights that are left (SEC-24)', async () => {
    const { id, tokens } = await someAdmin(here!);
    await DEMOTED[1](here!, id);
    const { access_token } = await refreshed(there!, tokens);

    expect((await there!.send('GET', '/users', { token: access_token })).body.code).toBe('forbidden');
  });

  it('a token that came back on one ends the session on the other (SEC-25)', async () => {
    const first = await openSession(here!);
    const third = await refreshed(there!, await refreshed(here!, first));

    expect((await refresh(here!, first.refresh_token)).body.code).toBe('invalid_token');
    expect(await isIn(there!, third)).toBe(false);
    expect((await refresh(there!, third.refresh_token)).body.code).toBe('invalid_token');
  });
}

describeReplicas(twoReplicas);

describe('a refresh that is under way', () => {
  let [here, there]: TestApp[] = [];
  /** Who is held on purpose waits as long as the other takes. */
  const timings = { statement_ms: 60_000 };
  beforeAll(async () => ([here, there] = await Promise.all([startApp({ timings }), startApp({ timings })])));

  /** Both wait for the session's row, one behind the other, and are then let go. */
  async function inTurn(tokens: TokenPair, ...work: (() => Promise<unknown>)[]): Promise<unknown[]> {
    const waiting: Promise<unknown>[] = [];
    await whileLocked(here!, 'SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE', [sessionIdOf(tokens)], async () => {
      for (const [index, begin] of work.entries()) {
        waiting.push(begin());
        await lockWaits(here!, index + 1);
      }
    });
    return Promise.all(waiting);
  }

  describe.each(['before', 'behind'])('and comes %s the change', (place) => {
    it.each([...ENDS, DEMOTED])('has none of the old rights once the user is %s (SEC-24)', async (what, change) => {
      const { id, tokens } = await someAdmin(here!);
      // So that it need not be done while a lock is held.
      await there!.admin();
      const work = [() => refresh(here!, tokens.refresh_token), () => change(there!, id)];
      const done = await inTurn(tokens, ...(place === 'before' ? work : work.toReversed()));
      const answer = (place === 'before' ? done[0] : done[1]) as Answer;

      const goesOn = place === 'before' || what === 'demoted';
      expect(answer.status).toBe(goesOn ? 200 : 401);
      const token: string = answer.body.access_token ?? tokens.access_token;
      expect((await there!.send('GET', '/users', { token })).status).toBe(what === 'demoted' ? 403 : 401);
      const left = await here!.sql('SELECT role FROM sessions WHERE user_id = $1', [id]);
      expect(left).toEqual(what === 'demoted' ? [{ role: 'user' }] : []);
    });

    it('and ends with a logout', async () => {
      const tokens = await openSession(here!);
      const logout = () => there!.send('POST', '/auth/logout', { token: tokens.access_token });
      const work = [() => refresh(here!, tokens.refresh_token), logout];
      await inTurn(tokens, ...(place === 'before' ? work : work.toReversed()));

      expect(await here!.sql('SELECT 1 FROM sessions WHERE id = $1', [sessionIdOf(tokens)])).toEqual([]);
    });
  });

  it('is stopped once, with a letter, when the token comes back while others refresh', async () => {
    const first = await openSession(here!);
    const held = await refreshed(here!, await refreshed(here!, first));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, turn) =>
        refresh(turn % 2 ? here! : there!, turn === 7 ? first.refresh_token : held.refresh_token),
      ),
    );

    for (const { status } of answers) expect([200, 401]).toContain(status);
    expect(await here!.sql('SELECT 1 FROM sessions WHERE id = $1', [sessionIdOf(first)])).toEqual([]);
    const events = await here!.sql('SELECT action FROM audit_events WHERE subject_id = $1', [sessionIdOf(first)]);
    expect(events).toEqual([{ action: 'authn_token_reuse' }]);
  });
});
