import { Socket } from 'node:net';
import { insertUsers } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { mailsTo, resetToken, settled } from '../support/links.js';
import { Guarded } from '../support/second-factor.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

const NEW = 'a newer long passphrase';
const CHANGED = 'Your password was changed';

const change = ({ token, password }: Client, body = {}): Promise<Answer> =>
  conforming(app.send)('POST', '/auth/password/change', {
    token,
    body: { current_password: password, new_password: NEW, ...body },
  });

describe('POST /auth/password/change', () => {
  it('changes the password, keeps this session and ends the others', async () => {
    const ada = await app.signUp();
    const other = await ada.again();
    expect(await change(ada)).toMatchObject({ status: 204, text: '' });

    expect((await ada.get('/users/me')).status).toBe(200);
    expect((await other.get('/users/me')).body.code).toBe('invalid_token');
    await expect(app.logIn(ada)).rejects.toThrow('invalid_credentials');
    await expect(app.logIn({ email: ada.email, password: NEW })).resolves.toBeDefined();
  });

  it('tells the owner, once, and is one event (SEC-06)', async () => {
    const ada = await app.signUp();
    await change(ada);
    await app.mail(ada.email, CHANGED);
    await settled(app);
    const events = await app.sql(
      `SELECT actor_id, reason, changes FROM audit_events WHERE subject_id = $1 AND action = 'authn_password_change'`,
      [ada.user.id],
    );

    expect(mailsTo(app, ada.email, CHANGED)).toHaveLength(1);
    expect(events).toEqual([{ actor_id: ada.user.id, reason: null, changes: ['password_hash'] }]);
  });

  it('wants the current password: without it nothing changes, and nobody is told that it did (SEC-06)', async () => {
    const ada = await app.signUp();
    const other = await ada.again();

    expect((await change(ada, { current_password: 'wrong' })).body).toMatchObject({
      status: 401,
      code: 'invalid_credentials',
    });
    for (const session of [ada, other]) expect((await session.get('/users/me')).status).toBe(200);
    await expect(app.logIn(ada)).resolves.toBeDefined();
    await settled(app);
    expect(mailsTo(app, ada.email, CHANGED)).toEqual([]);
  });

  it('shares the failures of the login: guessing goes no further here', async () => {
    const barring = await startApp({ settings: { RATE_LIMIT_LOGIN_ACCOUNT: '2/1h' } });
    const [account] = await insertUsers(barring, [{}]);
    const ada = await app.logIn(account!);
    await app.sql('DELETE FROM known_addresses');
    const statuses = [];
    for (let made = 0; made < 3; made++) {
      const body = { current_password: 'wrong', new_password: NEW };
      statuses.push((await barring.send('POST', '/auth/password/change', { token: ada.token, body })).status);
    }

    expect(statuses).toEqual([401, 401, 429]);
    await barring.close();
  });

  it('wants a code where there is a second factor, and uses none up for a password that it refuses', async () => {
    const guarded = await Guarded.signUp(app);
    const [code] = guarded.recovery_codes;

    expect((await change(guarded.client)).body).toMatchObject({ status: 401, code: 'invalid_mfa_code' });
    expect((await change(guarded.client, { code: guarded.wrong })).body.code).toBe('invalid_mfa_code');
    expect((await change(guarded.client, { code, new_password: 'iloveyou' })).body.code).toBe('password_too_common');
    expect((await change(guarded.client, { code })).status).toBe(204);
  });

  it('voids the link to a new password that somebody else may have got', async () => {
    const ada = await app.signUp();
    const token = await resetToken(app, ada.email);
    await change(ada);
    const answer = await app.send('POST', '/auth/password/reset', {
      body: { token, password: 'a thief’s passphrase' },
    });

    expect(answer.body.code).toBe('token_invalid');
  });

  it('names the field that breaks a rule', async () => {
    const strict = await startApp({ settings: { PASSWORD_MIN_LENGTH: '15' } });
    const ada = await app.signUp();
    const { body } = await strict.send('POST', '/auth/password/change', {
      token: ada.token,
      body: { current_password: ada.password, new_password: 'fourteen chars' },
    });

    expect(body.errors).toEqual([
      { pointer: '#/new_password', code: 'min_length', message: 'must have at least 15 characters' },
    ]);
    await strict.close();
  });

  it('at once from two sessions: one password is right afterwards, and one session of the two is left', async () => {
    const ada = await app.signUp();
    const other = await ada.again();
    const passwords = ['the first passphrase', 'the second passphrase'];
    const answers = await Promise.all(
      [ada, other].map((client, at) => change(client, { new_password: passwords[at] })),
    );

    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(await app.sql('SELECT 1 FROM sessions WHERE user_id = $1', [ada.user.id])).toHaveLength(1);
  });
});

describe('an old password', () => {
  it('opens the account, however old it is: nothing asks for a new one (SEC-07)', async () => {
    const [user] = await insertUsers(app, [{}]);
    const long_ago = new Date(Date.now() - 400 * 24 * 60 * 60 * 1_000);
    await app.users.change({ id: user!.id }, { created_at: long_ago, updated_at: long_ago });

    await expect(app.logIn(user!)).resolves.toBeDefined();
  });

  it('opens it too when it has become a common one: the list is for new ones', async () => {
    const off = await startApp({ settings: { PASSWORD_LIST: 'off' } });
    const account = { ...someAccount(), password: 'iloveyou' };
    await off.send('POST', '/users', { body: account });
    await off.close();

    await expect(app.logIn(account)).resolves.toBeDefined();
  });
});

describe('twenty of the commonest passwords', () => {
  const COMMON = `password 12345678 123456789 baseball football qwertyuiop 1234567890 superman 1qaz2wsx jennifer
    trustno1 sunshine iloveyou computer michelle starwars princess 11111111 password1 password123`.split(/\s+/);

  it('are refused at every door, and nobody outside is asked (SEC-05)', async () => {
    const ada = await app.signUp();
    const connect = jest.spyOn(Socket.prototype, 'connect');
    for (const password of COMMON) {
      const doors = await Promise.all([
        conforming(app.send)('POST', '/users', { body: { ...someAccount(), password } }),
        change(ada, { new_password: password }),
      ]);
      for (const { body } of doors) expect(body).toMatchObject({ status: 422, code: 'password_too_common' });
    }
    // How Node itself calls it: with the arguments in one array, the options first.
    const dialled = connect.mock.calls.map(([given]) => [given].flat()[0] as unknown as { host?: string });
    connect.mockRestore();

    expect(dialled.filter(({ host = '127.0.0.1' }) => !/^(127\.0\.0\.1|localhost)$/.test(host))).toEqual([]);
    expect(
      await app.sql(`SELECT 1 FROM audit_events WHERE action = 'authn_password_change' AND subject_id = $1`, [
        ada.user.id,
      ]),
    ).toEqual([]);
  });
});
