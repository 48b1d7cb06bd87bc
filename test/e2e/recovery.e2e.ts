import { Retention } from '../../src/database/retention/retention.js';
import { insertUsers } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { operations } from '../support/document.js';
import { eventually } from '../support/eventually.js';
import { linkTo, mailsTo, resetToken, settled, tokenOf } from '../support/links.js';
import { MailServer } from '../support/mail-server.js';
import { BEHIND_GATEWAY, PATIENT, someAddress } from '../support/visitors.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

const ROUTES = ['/auth/password/forgot', '/auth/email/resend'];

/** All of an answer that an eye on the wire could tell apart. */
const seen = ({ status, headers, text, body }: Answer) => ({
  status,
  headers: [...headers]
    .filter(([name]) => name !== 'date')
    .map(([name, value]) => (/^(x-request-id|ratelimit|retry-after)$/.test(name) ? name : `${name}: ${value}`)),
  text: text.replace(body?.request_id, ''),
});

const kinds = async (app: TestApp): Promise<[what: string, email: string][]> => {
  const users = await insertUsers(app, [{}, { email_verified: true }, { status: 'disabled' }, { role: 'admin' }]);
  const names = ['known', 'verified', 'disabled', "an admin's"];
  return [['unknown', someAccount().email], ...users.map(({ email }, at): [string, string] => [names[at]!, email])];
};

describe.each(ROUTES)('POST %s', (route) => {
  let app: TestApp;
  beforeAll(async () => (app = await startApp({ settings: { RATE_LIMIT_RECOVERY: '30/1h' } })));

  it('answers with the very same bytes and headers, whoever has the address (SEC-26)', async () => {
    const [unknown, ...others] = await kinds(app);
    const first = await conforming(app.send)('POST', route, { body: { email: unknown![1] } });
    expect(first).toMatchObject({ status: 202, text: '' });

    for (const [what, email] of others) {
      const answer = await app.send('POST', route, { body: { email } });
      expect({ what, ...seen(answer) }).toEqual({ what, ...seen(first) });
    }
  });

  it('does the same work: a row that says nothing of whose it is, and nobody has looked yet (SEC-27)', async () => {
    const idle = await startApp({ settings: { PROCESS_ROLE: 'api' }, database: 'own' });
    await idle.send('POST', '/users', { body: { ...someAccount(), email: 'known@example.com' } });
    await idle.sql(`DELETE FROM outbox`);
    await idle.sql(`DELETE FROM one_time_tokens`);
    for (const email of ['known@example.com', 'other@example.com']) await idle.send('POST', route, { body: { email } });
    const rows = await idle.sql(
      'SELECT topic, tenant_id, subject_id, status, octet_length(payload) AS size FROM outbox',
    );

    expect(rows).toHaveLength(2);
    expect(rows[0]).toEqual({ ...rows[1], topic: 'recovery', subject_id: null });
    expect(await idle.sql('SELECT 1 FROM one_time_tokens')).toEqual([]);
    await idle.close();
  });

  it('refuses a broken address', async () => {
    const { body } = await conforming(app.send)('POST', route, { body: { email: 'nobody' } });

    expect(body).toMatchObject({ status: 422, errors: [{ pointer: '#/email', code: 'email' }] });
  });
});

describe('too many requests', () => {
  let limited: TestApp;
  beforeAll(async () => {
    const settings = { ...BEHIND_GATEWAY, RATE_LIMIT_RECOVERY: '3/1h' };
    limited = await startApp({ settings, timings: PATIENT });
  });

  const ask = (email: string, turn = 0, address = someAddress()): Promise<Answer> =>
    limited.send('POST', ROUTES[turn % 2]!, { body: { email }, headers: { 'x-forwarded-for': address } });

  it('for one account are 429 alike, known or not, over both routes together, from wherever they come (SEC-26)', async () => {
    const [user] = await insertUsers(app, [{}]);
    const refusals = [];
    for (const email of [someAccount().email, user!.email]) {
      const statuses = [];
      for (let turn = 0; turn < 3; turn++) statuses.push((await ask(email, turn)).status);
      expect(statuses).toEqual([202, 202, 202]);
      refusals.push(await ask(email.toUpperCase(), 1));
    }

    expect(refusals[0]!.body).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(refusals[0]!.headers.get('ratelimit-policy')).toBe('"recovery";q=3;w=3600');
    expect(seen(refusals[1]!)).toEqual(seen(refusals[0]!));
  });

  it('from one address are 429 after ten times as many', async () => {
    const address = someAddress();
    const statuses = [];
    for (let made = 0; made < 31; made++) statuses.push((await ask(someAccount().email, made, address)).status);

    expect(statuses).toEqual([...Array(30).fill(202), 429]);
  });

  it('mail nobody more often than that', async () => {
    const [user] = await insertUsers(app, [{}]);
    await Promise.all(Array.from({ length: 20 }, () => ask(user!.email)));
    await settled(app);

    expect(mailsTo(app, user!.email)).toHaveLength(3);
  });
});

describe('a secret of a link', () => {
  it('is in no address but behind the #: no parameter of any operation holds one (SEC-61)', () => {
    // The books have codes of their own, which are no secret: those of accounts.
    const open = operations.filter(({ path }) => !path.startsWith('/api/v1/ledger/accounts/{code}'));
    const parameters = open.flatMap(({ parameters: all }) =>
      all.filter((one) => one.in !== 'header').map(({ name }) => name),
    );

    expect(parameters.length).toBeGreaterThan(5);
    expect(parameters.filter((name) => /token|password|code|secret|key/i.test(name))).toEqual([]);
    expect(open.filter(({ path }) => /\{(token|code|secret)\}/i.test(path))).toEqual([]);
  });

  it('is in no line of the log, and in no mail but the one (SEC-61)', async () => {
    const { email } = await app.signUp();
    const tokens = [tokenOf(await linkTo(app, email, 'Welcome!')), await resetToken(app, email)];
    await app.send('POST', '/auth/email/verify', { body: { token: tokens[0] } });
    await app.send('POST', '/auth/password/reset', { body: { token: tokens[1], password: 'a newer long passphrase' } });
    for (const page of ['verify-email', 'reset-password']) await app.send('GET', `~/account/${page}`);
    await eventually(() => app.logs.some((line) => line.includes('"route":"/account/reset-password"')));

    for (const token of tokens) {
      expect(app.logs.join('\n')).not.toContain(token);
      expect(app.inbox.list().filter(({ text }) => text?.includes(token))).toHaveLength(1);
    }
  });

  it('lies sealed in the outbox while the mail waits, and is gone when it was sent (SEC-11)', async () => {
    const server = await MailServer.start();
    server.refuses = 450;
    const waiting = await startApp({ database: 'own', settings: { SMTP_URL: server.url } });
    const { email } = await waiting.signUp();
    await waiting.send('POST', '/auth/password/forgot', { body: { email } });
    const rows = (): Promise<{ text: string; bytes: string }[]> =>
      waiting.sql(`SELECT o::text AS text, encode(payload, 'escape') AS bytes FROM outbox o WHERE payload IS NOT NULL`);
    await eventually(async () => (await rows()).filter(({ text }) => text.includes('mail')).length === 2);
    for (const row of await rows()) expect(JSON.stringify(row)).not.toMatch(/token=|#token|example\.com/);
    server.refuses = null;
    await eventually(() => server.taken.length === 2);

    await eventually(async () => (await rows()).length === 0);
    const links = server.taken.map(({ parsed }) =>
      tokenOf(new URL(/https?:\S+#token=\S+/.exec(parsed.text ?? '')![0])),
    );
    const all = JSON.stringify(await waiting.sql('SELECT o::text FROM outbox o'));
    for (const token of links) expect(all).not.toContain(token);
    await waiting.close();
  });

  it('is deleted with its row when its time is over', async () => {
    const { user } = await app.signUp();
    await app.sql(
      `UPDATE one_time_tokens SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day' WHERE user_id = $1`,
      [user.id],
    );
    await app.app.get(Retention).sweep();

    expect(await app.sql('SELECT 1 FROM one_time_tokens WHERE user_id = $1', [user.id])).toEqual([]);
  });
});

describe('without Redis', () => {
  it('links are mailed, and requests counted, all the same', async () => {
    const alone = await startApp({ redis: 'none', settings: { RATE_LIMIT_RECOVERY: '1/1h' } });
    const { email } = await alone.signUp();

    expect(await resetToken(alone, email)).toMatch(/^[\w-]{43}$/);
    expect((await alone.send('POST', '/auth/password/forgot', { body: { email } })).status).toBe(429);
    await alone.close();
  });
});
