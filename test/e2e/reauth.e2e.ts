import { UsersRepository } from '../../src/users/users.repository.js';
import { insertUsers } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { lockWaits, whileUserHeld } from '../support/connections.js';
import { Guarded } from '../support/second-factor.js';
import { PATIENT } from '../support/visitors.js';

let app: TestApp;
beforeAll(async () => {
  // Who is held on purpose waits as long as the others take.
  app = await startApp({ timings: { statement_ms: 60_000 } });
  Object.assign(app, { send: conforming(app.send) });
});

const reauth = (ada: Client, body: object = { password: ada.password }): Promise<Answer> =>
  ada.post('/auth/reauth', body);
const age = ({ user }: Client, minutes: number) =>
  app.sql('UPDATE sessions SET auth_time = now() - make_interval(mins => $2) WHERE user_id = $1', [user.id, minutes]);
const eventsOf = async ({ user }: Client): Promise<string[]> => {
  const rows = await app.sql(
    `SELECT concat_ws(' ', action, outcome, reason) AS event FROM audit_events WHERE subject_id = $1 ORDER BY at, id`,
    [user.id],
  );
  return rows.map(({ event }) => event);
};

/** Every route that wants a recent login. */
const SENSITIVE: [what: string, ask: (ada: Client) => Promise<Answer>][] = [
  ['DELETE /users/me', (ada) => ada.delete('/users/me')],
  ['POST /users/me/export', (ada) => ada.post('/users/me/export')],
];

describe('POST /auth/reauth', () => {
  it.each(SENSITIVE)('opens %s, which an old session is refused (SEC-16)', async (_, ask) => {
    const ada = await app.signUp();
    await age(ada, 16);
    const { status, headers, body } = await ask(ada);
    expect([status, body.code, headers.get('www-authenticate')]).toEqual([401, 'reauth_required', 'Bearer']);

    expect(await reauth(ada)).toMatchObject({ status: 204, text: '' });
    expect((await ask(ada)).status).toBeLessThan(300);
  });

  it('is for the session that asks, and leaves its token as it is', async () => {
    const ada = await app.signUp();
    const other = await ada.again();
    await age(ada, 16);
    await reauth(ada);

    expect((await ada.get('/users/me')).status).toBe(200);
    expect((await other.delete('/users/me')).body.code).toBe('reauth_required');
    expect((await eventsOf(ada)).at(-1)).toBe('authn_login_success success reauth');
  });

  it('wants the right password, and changes nothing by a wrong one', async () => {
    const ada = await app.signUp();
    await age(ada, 16);
    const { status, body } = await reauth(ada, { password: 'wrong' });

    expect([status, body.code, body.detail]).toEqual([
      401,
      'invalid_credentials',
      'Invalid authentication credentials',
    ]);
    expect((await ada.delete('/users/me')).body.code).toBe('reauth_required');
    expect((await eventsOf(ada)).at(-1)).toBe('authn_login_fail failure invalid_credentials');
  });

  it('takes a right password for no wrong guess where the account never stands still', async () => {
    const own = await startApp({ database: 'own' });
    const ada = await own.signUp();
    await own.sql('DELETE FROM login_counters');
    const held = jest.spyOn(own.app.get(UsersRepository), 'holdVersion').mockResolvedValue(false);
    const { status, body } = await reauth(ada);
    held.mockRestore();

    expect([status, body.code]).toEqual([503, 'unavailable']);
    const failed = `SELECT 1 FROM audit_events WHERE subject_id = $1 AND action = 'authn_login_fail'`;
    expect(await own.sql(failed, [ada.user.id])).toEqual([]);
    expect(await own.sql('SELECT 1 FROM login_counters WHERE cardinality(failures) > 0')).toEqual([]);
    await own.close();
  });

  it('wants a code where there is a second factor, once (SEC-13, SEC-16)', async () => {
    const ada = await Guarded.signUp(app);
    const { client } = ada;
    const { password } = client;
    const code = await ada.code();
    await age(client, 16);

    expect((await reauth(client)).body.code).toBe('invalid_mfa_code');
    expect((await reauth(client, { password, code: ada.wrong })).body.code).toBe('invalid_mfa_code');
    expect((await reauth(client, { password: 'wrong', code })).body.code).toBe('invalid_credentials');
    expect((await client.delete('/users/me')).body.code).toBe('reauth_required');
    expect((await reauth(client, { password, code })).status).toBe(204);
    expect((await reauth(client, { password, code })).body.code).toBe('invalid_mfa_code');
    expect((await reauth(client, { password, code: ada.recovery_codes[0] })).status).toBe(204);
    expect((await client.delete('/users/me')).status).toBe(204);
  });

  it('passes over a code where there is no second factor', async () => {
    const ada = await app.signUp();

    expect((await reauth(ada, { password: ada.password, code: '123456' })).status).toBe(204);
  });

  it.each([
    ['password', {}, 'required'],
    ['password', { password: null }, 'not_null'],
    ['code', { password: 'x', code: null }, 'not_null'],
    ['code', { password: 'x', code: '1'.repeat(65) }, 'max_length'],
    ['email', { password: 'x', email: 'ada@example.com' }, 'unknown_field'],
  ])('refuses a broken %s: %j', async (field, body, code) => {
    const [user] = await insertUsers(app, [{}]);

    expect((await reauth(await app.logIn(user!), body)).body).toMatchObject({
      status: 422,
      errors: [{ pointer: `#/${field}`, code }],
    });
  });

  it('counts among the guesses at the password', async () => {
    const strict = await startApp({ settings: { RATE_LIMIT_LOGIN: '3/1h' }, timings: PATIENT });
    const ada = await strict.signUp();
    const guesses = [await reauth(ada, { password: 'wrong' }), await reauth(ada, { password: 'wrong' })];
    const { status, headers } = await reauth(ada);
    await strict.close();

    expect(guesses.map((guess) => guess.status)).toEqual([401, 401]);
    expect([status, headers.get('ratelimit-policy')]).toEqual([429, '"login";q=3;w=3600']);
  });

  it('renews nothing for a session that ends at the same moment', async () => {
    const ada = await app.signUp();
    const admin = await app.admin();
    const waiting: Promise<Answer>[] = [];
    await whileUserHeld(app, ada.user.id, async () => {
      waiting.push(admin.patch(`/users/${ada.user.id}`, { status: 'disabled' }));
      await lockWaits(app, 1);
      waiting.push(reauth(ada));
      await lockWaits(app, 2);
    });
    const [disabled, renewed] = await Promise.all(waiting);

    expect(disabled!.status).toBe(200);
    expect(renewed!.status).toBe(401);
    expect(await app.sql('SELECT 1 FROM sessions WHERE user_id = $1', [ada.user.id])).toEqual([]);
  });
});
