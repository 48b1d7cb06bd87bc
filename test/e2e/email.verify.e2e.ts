import { insertUsers, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { eventually } from '../support/eventually.js';
import { linkIn, linkTo, mailsTo, settled, tokenOf } from '../support/links.js';

let app: TestApp;
beforeAll(async () => (app = await startApp({ settings: { ACCOUNT_URL: 'https://app.example.com/account' } })));

const post = (path: string, body: object, headers = {}): Promise<Answer> =>
  conforming(app.send)('POST', path, { body, headers });
const verify = (token: string): Promise<Answer> => post('/auth/email/verify', { token });
const resend = (email: string): Promise<Answer> => post('/auth/email/resend', { email });
const isVerified = async (email: string): Promise<boolean> => (await app.users.find({ email }))[0]!.email_verified;

const VERIFY = 'Verify your e-mail address';

describe('the welcome mail', () => {
  it('carries a link to where the configuration says, whatever Host the request named', async () => {
    const account = someAccount();
    await post('/users', account, { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' });
    const link = await linkTo(app, account.email, 'Welcome!');

    expect(`${link.origin}${link.pathname}${link.search}`).toBe('https://app.example.com/account/verify-email');
    expect(link.hash).toMatch(/^#token=[\w-]{43}$/);
  });

  it('verifies the address, once (SEC-11)', async () => {
    const ada = await app.signUp();
    const token = tokenOf(await linkTo(app, ada.email, 'Welcome!'));

    expect(await verify(token)).toMatchObject({ status: 204, text: '' });
    expect((await ada.get('/users/me')).body.email_verified).toBe(true);
    expect((await verify(token)).body).toMatchObject({ status: 422, code: 'token_invalid' });
  });

  it('leaves no token in any table in plain text, nor in the log, nor its mail in the outbox once it was sent (SEC-11)', async () => {
    const { email } = await app.signUp();
    const token = tokenOf(await linkTo(app, email, 'Welcome!'));
    await settled(app);
    const tables = await app.sql(
      `SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
    );
    const bytes = [token, Buffer.from(token).toString('hex'), Buffer.from(token, 'base64url').toString('hex')];
    for (const { name } of tables) {
      const rows = JSON.stringify(await app.sql(`SELECT t::text FROM ${name} t`));
      for (const form of bytes) expect({ name, holds: rows.includes(form) }).toEqual({ name, holds: false });
    }
    expect(app.logs.join('\n')).not.toContain(token);
    expect(await app.sql(`SELECT 1 FROM outbox WHERE payload IS NOT NULL`)).toEqual([]);
  });

  it('is audited as a change to the account, once', async () => {
    const { user, email } = await app.signUp();
    await verify(tokenOf(await linkTo(app, email, 'Welcome!')));
    const events = await app.sql(
      `SELECT actor_type, changes FROM audit_events WHERE subject_id = $1 AND action = 'user_updated'`,
      [user.id],
    );

    expect(events).toEqual([{ actor_type: 'anonymous', changes: ['email_verified'] }]);
  });

  it('opens the login where REQUIRE_EMAIL_VERIFICATION wants it', async () => {
    const strict = await startApp({ settings: { REQUIRE_EMAIL_VERIFICATION: '1' } });
    const account = someAccount();
    await strict.send('POST', '/users', { body: account });
    await expect(strict.logIn(account)).rejects.toThrow('email_not_verified');

    await verify(tokenOf(await linkTo(strict, account.email, 'Welcome!')));

    await expect(strict.logIn(account)).resolves.toBeDefined();
    await strict.close();
  });
});

describe('a token', () => {
  it.each(['rubbish', 'A'.repeat(43), 'A'.repeat(200), '😀', "' OR 1=1 --"])(
    'that nobody was sent is 422: %s',
    async (token) => {
      expect((await verify(token)).body).toMatchObject({ status: 422, code: 'token_invalid' });
    },
  );

  it('is over after a day', async () => {
    const { email, user } = await app.signUp();
    const token = tokenOf(await linkTo(app, email, 'Welcome!'));
    const age = (by: string) =>
      app.sql(
        'UPDATE one_time_tokens SET created_at = created_at - $2::interval, expires_at = expires_at - $2::interval WHERE user_id = $1',
        [user.id, by],
      );
    const [{ life }] = await app.sql(
      'SELECT extract(epoch FROM expires_at - created_at)::int AS life FROM one_time_tokens WHERE user_id = $1',
      [user.id],
    );
    expect(Math.abs(life - 86_400)).toBeLessThan(60);

    await age('25 hours');
    expect((await verify(token)).body.code).toBe('token_invalid');
    await age('-25 hours');
    expect((await verify(token)).status).toBe(204);
  });

  it('of somebody who is disabled, or whose tenant is, is worth nothing until that is over', async () => {
    const { email, user } = await app.signUp();
    const token = tokenOf(await linkTo(app, email, 'Welcome!'));
    const tenant_id = await newTenant(app);
    const set = (column: string, value: string) => app.users.change({ id: user.id }, { [column]: value });
    await set('status', 'disabled');
    expect((await verify(token)).body.code).toBe('token_invalid');
    await set('status', 'active');
    await set('tenant_id', tenant_id);
    await app.sql(`UPDATE tenants SET status = 'disabled' WHERE id = $1`, [tenant_id]);
    expect((await verify(token)).body.code).toBe('token_invalid');

    await app.sql(`UPDATE tenants SET status = 'active' WHERE id = $1`, [tenant_id]);
    expect((await verify(token)).status).toBe(204);
  });

  it('goes with the account', async () => {
    const ada = await app.signUp();
    const token = tokenOf(await linkTo(app, ada.email, 'Welcome!'));
    await ada.delete('/users/me');

    expect((await verify(token)).body.code).toBe('token_invalid');
    expect(await app.sql('SELECT 1 FROM one_time_tokens WHERE user_id = $1', [ada.user.id])).toEqual([]);
  });

  it('twenty times at once verifies once, and is one event', async () => {
    const { email, user } = await app.signUp();
    const token = tokenOf(await linkTo(app, email, 'Welcome!'));
    const answers = await Promise.all(Array.from({ length: 20 }, () => verify(token)));

    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(answers.filter(({ body }) => body?.code === 'token_invalid')).toHaveLength(19);
    const events = await app.sql(`SELECT 1 FROM audit_events WHERE subject_id = $1 AND action = 'user_updated'`, [
      user.id,
    ]);
    expect(events).toHaveLength(1);
  });
});

describe('POST /auth/email/resend', () => {
  it('mails a new link, and the old one is void', async () => {
    const { email } = await app.signUp();
    const old = tokenOf(await linkTo(app, email, 'Welcome!'));
    expect(await resend(email.toUpperCase())).toMatchObject({ status: 202, text: '' });
    const renewed = tokenOf(await linkTo(app, email, VERIFY));

    expect((await verify(old)).body.code).toBe('token_invalid');
    expect(await isVerified(email)).toBe(false);
    expect((await verify(renewed)).status).toBe(204);
  });

  it('of many links leaves the newest alone good', async () => {
    const { email } = await app.signUp();
    await settled(app);
    for (let sent = 1; sent <= 3; sent++) {
      await resend(email);
      await linkTo(app, email, VERIFY, sent);
    }
    const [newest, ...older] = mailsTo(app, email, VERIFY).map((mail) => tokenOf(linkIn(mail)));

    for (const token of older) expect((await verify(token)).body.code).toBe('token_invalid');
    expect((await verify(newest!)).status).toBe(204);
  });

  it('says the same and mails nothing where there is nothing to verify', async () => {
    const closed = await newTenant(app);
    await app.sql(`UPDATE tenants SET status = 'disabled' WHERE id = $1`, [closed]);
    const users = await insertUsers(app, [{ email_verified: true }, { status: 'disabled' }, { tenant_id: closed }]);
    const emails = [...users.map(({ email }) => email), someAccount().email];
    for (const email of emails) expect(await resend(email)).toMatchObject({ status: 202, text: '' });
    await settled(app);

    for (const email of emails) expect(mailsTo(app, email)).toEqual([]);
  });
});

describe('an address that an admin changes', () => {
  it('is to be verified anew: the old link is void, and the new address gets one', async () => {
    const [ada, admin] = await Promise.all([app.signUp(), app.admin()]);
    const old = tokenOf(await linkTo(app, ada.email, 'Welcome!'));
    const { email } = someAccount();
    await admin.patch(`/users/${ada.user.id}`, { email });

    expect((await verify(old)).body.code).toBe('token_invalid');
    expect(await isVerified(email)).toBe(false);
    expect((await verify(tokenOf(await linkTo(app, email, VERIFY)))).status).toBe(204);
    await eventually(() => isVerified(email));
  });
});
