import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { eventually } from '../support/eventually.js';
import { linkTo, mailsTo, resetToken, settled, tokenOf } from '../support/links.js';
import { Guarded } from '../support/second-factor.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

const VERIFY = 'Verify your e-mail address';
const CHANGED = 'Your e-mail address was changed';

const ask = ({ token, password }: Client, email: string, more = {}): Promise<Answer> =>
  conforming(app.send)('POST', '/auth/email/change', { token, body: { email, password, ...more } });
const verify = (token: string): Promise<Answer> =>
  conforming(app.send)('POST', '/auth/email/verify', { body: { token } });

/** Asks for another address, and has the link. */
async function asked(client: Client): Promise<{ email: string; token: string }> {
  const { email } = someAccount();
  expect(await ask(client, email.toUpperCase())).toMatchObject({ status: 202, text: '' });
  return { email, token: tokenOf(await linkTo(app, email, VERIFY)) };
}

describe('POST /auth/email/change', () => {
  it('changes nothing until the new address has proven itself', async () => {
    const ada = await app.signUp();
    const { email } = await asked(ada);

    expect((await ada.get('/users/me')).body).toMatchObject({ email: ada.email, email_verified: false });
    await expect(app.logIn({ email, password: ada.password })).rejects.toThrow('invalid_credentials');
  });

  it('then changes it, verified, ends the sessions and tells both addresses', async () => {
    const ada = await app.signUp();
    const { email, token } = await asked(ada);
    expect(await verify(token)).toMatchObject({ status: 204, text: '' });

    expect((await ada.get('/users/me')).body.code).toBe('invalid_token');
    const again = await app.logIn({ email, password: ada.password });
    expect(again.user).toMatchObject({ id: ada.user.id, email, email_verified: true });
    for (const address of [ada.email, email]) {
      const mail = await app.mail(address, CHANGED);
      for (const one of [ada.email, email]) expect(`${mail.text}${mail.html}`).not.toContain(one);
    }
    await settled(app);
    expect(mailsTo(app, ada.email, CHANGED)).toHaveLength(1);
    expect(mailsTo(app, email, CHANGED)).toHaveLength(1);
    expect((await verify(token)).body.code).toBe('token_invalid');
  });

  it('is one event, of the fields that changed', async () => {
    const ada = await app.signUp();
    await verify((await asked(ada)).token);
    const events = await app.sql(
      `SELECT action, changes FROM audit_events WHERE subject_id = $1 AND action = 'user_updated'`,
      [ada.user.id],
    );

    expect(events).toEqual([{ action: 'user_updated', changes: ['email', 'email_verified'] }]);
  });

  it('wants the password, and mails nobody without it (SEC-06)', async () => {
    const ada = await app.signUp();
    const { email } = someAccount();

    expect((await ask({ ...ada, password: 'wrong' } as Client, email)).body).toMatchObject({
      status: 401,
      code: 'invalid_credentials',
    });
    await settled(app);
    expect(mailsTo(app, email)).toEqual([]);
  });

  it('wants a code where there is a second factor', async () => {
    const guarded = await Guarded.signUp(app);
    const { email } = someAccount();

    expect((await ask(guarded.client, email)).body).toMatchObject({ status: 401, code: 'invalid_mfa_code' });
    expect((await ask(guarded.client, email, { code: guarded.wrong })).body.code).toBe('invalid_mfa_code');
    expect((await ask(guarded.client, email, { code: guarded.recovery_codes[0] })).status).toBe(202);
  });

  it('says and does the same where somebody has the address: whoever opens the link is told (SEC-26)', async () => {
    const [ada, bob] = await Promise.all([app.signUp(), app.signUp()]);
    expect(await ask(ada, bob.email)).toMatchObject({ status: 202, text: '' });
    const token = tokenOf(await linkTo(app, bob.email, VERIFY));

    expect((await verify(token)).body).toMatchObject({ status: 409, code: 'email_taken' });
    expect((await ada.get('/users/me')).body.email).toBe(ada.email);
    expect((await bob.get('/users/me')).body).toMatchObject({ email: bob.email, email_verified: false });
  });

  it('lets the constraint decide between two who prove the same address: the slower is 409, and nothing else of it happens', async () => {
    const [ada, bob] = await Promise.all([app.signUp(), app.signUp()]);
    const { email } = someAccount();
    const tokens: string[] = [];
    for (const [at, client] of [ada, bob].entries()) {
      await ask(client, email);
      tokens.push(tokenOf(await linkTo(app, email, VERIFY, at + 1)));
    }
    const answers = await Promise.all(tokens.map(verify));

    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 409]);
    const loser = answers[0]!.status === 409 ? ada : bob;
    expect((await loser.get('/users/me')).body.email).toBe(loser.email);
    await settled(app);
    expect(mailsTo(app, loser.email, CHANGED)).toEqual([]);
  });

  it('asked for again, leaves the newest link alone good', async () => {
    const ada = await app.signUp();
    const first = await asked(ada);
    const second = await asked(ada);

    expect((await verify(first.token)).body.code).toBe('token_invalid');
    expect((await verify(second.token)).status).toBe(204);
  });

  it('to the address that it is verifies that, and ends nothing', async () => {
    const ada = await app.signUp();
    await ask(ada, ada.email);
    const token = tokenOf(await linkTo(app, ada.email, VERIFY));

    expect((await verify(token)).status).toBe(204);
    expect((await ada.get('/users/me')).body).toMatchObject({ email: ada.email, email_verified: true });
  });

  it('does not survive a new password, reset or changed: whoever knew the old one may have asked', async () => {
    const [ada, bob] = await Promise.all([app.signUp(), app.signUp()]);
    const pending = await Promise.all([asked(ada), asked(bob)]);
    const token = await resetToken(app, ada.email);
    await app.send('POST', '/auth/password/reset', { body: { token, password: 'a newer long passphrase' } });
    await bob.post('/auth/password/change', {
      current_password: bob.password,
      new_password: 'a newer long passphrase',
    });

    for (const { token: link } of pending) expect((await verify(link)).body.code).toBe('token_invalid');
  });

  it('does not survive a second factor being turned on: it was asked for without a code', async () => {
    const ada = await app.signUp();
    const { token } = await asked(ada);
    await Guarded.enrol(app, ada);

    expect((await verify(token)).body).toMatchObject({ status: 422, code: 'token_invalid' });
    expect((await ada.get('/users/me')).body.email).toBe(ada.email);
  });

  it('makes links worthless that were mailed to the old address', async () => {
    const ada = await app.signUp();
    const reset = await resetToken(app, ada.email);
    const welcome = tokenOf(await linkTo(app, ada.email, 'Welcome!'));
    await verify((await asked(ada)).token);

    expect((await verify(welcome)).body.code).toBe('token_invalid');
    const answer = await app.send('POST', '/auth/password/reset', {
      body: { token: reset, password: 'a newer long passphrase' },
    });
    expect(answer.body.code).toBe('token_invalid');
  });

  it('is for who is signed in', async () => {
    const answer = await app.send('POST', '/auth/email/change', { body: { email: 'a@example.com', password: 'x' } });

    expect(answer.body).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  it('floods no address: as many mails as recovery may send, whoever asks', async () => {
    const limited = await startApp({ settings: { RATE_LIMIT_RECOVERY: '2/1h' } });
    const [ada, bob] = await Promise.all([limited.signUp(), limited.signUp()]);
    const { email } = someAccount();
    const statuses = [];
    for (const { token, password } of [ada, bob, ada]) {
      const answer = await limited.send('POST', '/auth/email/change', { token, body: { email, password } });
      statuses.push(answer.status);
    }

    expect(statuses).toEqual([202, 202, 429]);
    await eventually(() => mailsTo(app, email).length === 2);
    await limited.close();
  });
});
