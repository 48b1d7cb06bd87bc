import { insertUsers, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { succeed, type Answer, type Client } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { linkIn, linkTo, mailsTo, resetToken, settled, tokenOf } from '../support/links.js';
import { Guarded } from '../support/second-factor.js';
import { BEHIND_GATEWAY, someAddress } from '../support/visitors.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

const NEW = 'a newer long passphrase';
const RESET = 'Reset your password';
const CHANGED = 'Your password was changed';

const forgot = (email: string, at = app, headers = {}): Promise<Answer> =>
  conforming(at.send)('POST', '/auth/password/forgot', { body: { email }, headers });
const reset = (token: string, password = NEW): Promise<Answer> =>
  conforming(app.send)('POST', '/auth/password/reset', { body: { token, password } });
const logIn = ({ email }: { email: string }, password: string): Promise<Answer> =>
  app.send('POST', '/auth/login', { body: { email, password } });

describe('POST /auth/password/forgot', () => {
  it('mails a link to where the configuration says, whatever Host the request named', async () => {
    const { email } = await app.signUp();
    await forgot(email.toUpperCase(), app, { 'x-forwarded-host': 'evil.example' });
    const link = await linkTo(app, email, RESET);

    expect(`${link.origin}${link.pathname}${link.search}`).toBe(`${app.settings.ACCOUNT_URL}/reset-password`);
    expect(link.hash).toMatch(/^#token=[\w-]{43}$/);
  });

  it('says the same and mails nothing where there is nobody', async () => {
    const closed = await newTenant(app);
    await app.sql(`UPDATE tenants SET status = 'disabled' WHERE id = $1`, [closed]);
    const users = await insertUsers(app, [{ status: 'disabled' }, { tenant_id: closed }]);
    const emails = [...users.map(({ email }) => email), someAccount().email];
    for (const email of emails) expect(await forgot(email)).toMatchObject({ status: 202, text: '' });
    await settled(app);

    for (const email of emails) expect(mailsTo(app, email)).toEqual([]);
  });
});

describe('POST /auth/password/reset', () => {
  it('sets the password, once, and logs nobody in (SEC-11)', async () => {
    const ada = await app.signUp();
    const token = await resetToken(app, ada.email);

    const answer = await reset(token);
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect((await logIn(ada, ada.password)).body.code).toBe('invalid_credentials');
    expect((await logIn(ada, NEW)).status).toBe(200);
    expect((await reset(token, 'yet another passphrase')).body).toMatchObject({ status: 422, code: 'token_invalid' });
    expect((await logIn(ada, NEW)).status).toBe(200);
  });

  it('ends every session, and tells the owner once', async () => {
    const ada = await app.signUp();
    const other = await ada.again();
    await reset(await resetToken(app, ada.email));

    for (const session of [ada, other]) expect((await session.get('/users/me')).body.code).toBe('invalid_token');
    await app.mail(ada.email, CHANGED);
    await settled(app);
    expect(mailsTo(app, ada.email, CHANGED)).toHaveLength(1);
  });

  it('is one event that says how it came about', async () => {
    const { email, user } = await app.signUp();
    await reset(await resetToken(app, email));
    const events = await app.sql(
      `SELECT reason, changes, actor_type FROM audit_events WHERE subject_id = $1 AND action = 'authn_password_change'`,
      [user.id],
    );

    expect(events).toEqual([
      { reason: 'reset', changes: ['password_hash', 'email_verified'], actor_type: 'anonymous' },
    ]);
  });

  it('proves the address, since the link came by its mail', async () => {
    const { email, user } = await app.signUp();
    await reset(await resetToken(app, email));

    expect(await app.users.find({ id: user.id })).toMatchObject([{ email_verified: true }]);
  });

  it('leaves the second factor as it is: the login still asks for it (SEC-12)', async () => {
    const guarded = await Guarded.signUp(app);
    await reset(await resetToken(app, guarded.client.email));
    const { body } = await logIn(guarded.client, NEW);

    expect(body).toMatchObject({ mfa_required: true });
    expect(body.access_token).toBeUndefined();
  });

  it('ends a login that waits for its second step', async () => {
    const guarded = await Guarded.signUp(app);
    const { mfa_token } = succeed(await logIn(guarded.client, guarded.client.password));
    await reset(await resetToken(app, guarded.client.email));
    const answer = await app.send('POST', '/auth/login/mfa', {
      body: { mfa_token, code: guarded.recovery_codes[0] },
    });

    expect(answer.status).toBe(401);
  });

  it('lifts the bar that failed logins have put up', async () => {
    const barring = await startApp({ settings: { ...BEHIND_GATEWAY, RATE_LIMIT_LOGIN_ACCOUNT: '2/1h' } });
    const { email } = await app.signUp();
    const tryOn = (password: string): Promise<Answer> =>
      barring.send('POST', '/auth/login', {
        body: { email, password },
        headers: { 'x-forwarded-for': someAddress() },
      });
    for (let failed = 0; failed < 2; failed++) await tryOn('wrong');
    expect((await tryOn('wrong')).status).toBe(429);
    await reset(await resetToken(app, email));

    expect((await tryOn(NEW)).status).toBe(200);
    await barring.close();
  });

  it('is over after half an hour (SEC-11)', async () => {
    const { email, user } = await app.signUp();
    const token = await resetToken(app, email);
    const age = (by: string) =>
      app.sql(
        `UPDATE one_time_tokens SET created_at = created_at - $2::interval, expires_at = expires_at - $2::interval
         WHERE user_id = $1 AND kind = 'password_reset'`,
        [user.id, by],
      );
    await age('31 minutes');
    expect((await reset(token)).body).toMatchObject({ status: 422, code: 'token_invalid' });
    await age('-2 minutes');
    expect((await reset(token)).status).toBe(204);
  });

  it('takes the newest link alone', async () => {
    const { email } = await app.signUp();
    await resetToken(app, email);
    await resetToken(app, email, 2);
    const [newest, older] = mailsTo(app, email, RESET).map((mail) => tokenOf(linkIn(mail)));

    expect((await reset(older!)).body.code).toBe('token_invalid');
    expect((await reset(newest!)).status).toBe(204);
  });

  it('takes no token of another kind, and verification takes none of this (SEC-20)', async () => {
    const { email } = await app.signUp();
    const welcome = tokenOf(await linkTo(app, email, 'Welcome!'));
    const token = await resetToken(app, email);

    expect((await reset(welcome)).body.code).toBe('token_invalid');
    expect((await app.send('POST', '/auth/email/verify', { body: { token } })).body.code).toBe('token_invalid');
    expect((await app.send('GET', '/users/me', { token })).body.code).toBe('invalid_token');
    expect((await reset(token)).status).toBe(204);
  });

  it('refuses a common password, and leaves the link good for a better one (SEC-05)', async () => {
    const { email } = await app.signUp();
    const token = await resetToken(app, email);

    expect((await reset(token, 'iloveyou')).body).toMatchObject({ status: 422, code: 'password_too_common' });
    expect((await reset(token, email)).body.code).toBe('password_too_common');
    expect((await reset(token, 'short')).body).toMatchObject({ code: 'validation_failed' });
    expect((await reset(token)).status).toBe(204);
  });

  it('is worth nothing to who was disabled meanwhile', async () => {
    const { email, user } = await app.signUp();
    const token = await resetToken(app, email);
    await app.users.change({ id: user.id }, { status: 'disabled' });

    expect((await reset(token)).body.code).toBe('token_invalid');
  });
});

describe('two resets with one token', () => {
  it('at once: one wins, and its password is the account’s (SEC-11)', async () => {
    const { email } = await app.signUp();
    const token = await resetToken(app, email);
    const passwords = ['the first passphrase', 'the second passphrase'];
    const answers = await Promise.all(passwords.map((password) => reset(token, password)));

    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 422]);
    const won = answers.findIndex(({ status }) => status === 204);
    expect((await logIn({ email }, passwords[won]!)).status).toBe(200);
    expect((await logIn({ email }, passwords[1 - won]!)).status).toBe(401);
  });
});

describe('a reset in the middle of logins', () => {
  it('leaves no session that the old password has opened', async () => {
    for (let round = 0; round < 5; round++) {
      const ada: Client = await app.signUp();
      const token = await resetToken(app, ada.email);
      const logins = Array.from({ length: 6 }, () => logIn(ada, ada.password));
      const [answer, ...opened] = await Promise.all([reset(token), ...logins]);

      expect(answer.status).toBe(204);
      for (const { body } of opened.filter(({ status }) => status === 200)) {
        expect((await app.send('GET', '/users/me', { token: body.access_token })).status).toBe(401);
      }
      expect(await app.sql('SELECT 1 FROM sessions WHERE user_id = $1', [ada.user.id])).toEqual([]);
    }
  });
});
