import { someAccount, type TestApp } from '../support/app.js';
import { describeWithRedis } from '../support/engines.js';
import { MailServer } from '../support/mail-server.js';
import { allSent, startMailing } from '../support/mailing.js';

jest.setTimeout(120_000);

const WAYS = [
  ['through Bull', undefined, describeWithRedis],
  ['without Redis', 'none', describe],
] as const;

describe.each(WAYS)('a mail %s', (_, redis, describeWay) =>
  describeWay('of a sign-up or a change', () => {
    let app: TestApp;
    beforeAll(async () => (app = await startMailing({ redis })));
    // Later ones take its turn at Redis.
    afterAll(() => app.close());

    it('welcomes who has signed up, by name, as text and as HTML', async () => {
      const account = { ...someAccount(), full_name: 'Zoë "Zo" <King> & Sons' };
      await app.request('POST', '/users', { body: account });
      const mail = await app.mail(account.email);

      expect(mail).toMatchObject({ subject: 'Welcome!', from: 'no-reply@omni.localhost', to: [account.email] });
      expect(mail.text).toContain('Welcome to our platform');
      expect(mail.text).toContain('Hello Zoë "Zo" <King> & Sons,');
      expect(mail.html).toContain('Hello Zoë &quot;Zo&quot; &lt;King&gt; &amp; Sons,');
    });

    it('tells both addresses of a change of address, and names neither', async () => {
      const [admin, user] = await Promise.all([app.admin(), app.signUp()]);
      const { email } = someAccount();
      expect((await admin.patch(`/users/${user.user.id}`, { email })).status).toBe(200);
      await allSent(app);

      for (const address of [user.email, email]) {
        const mail = await app.mail(address, 'Your e-mail address was changed');
        expect(mail.to).toEqual([address]);
        for (const named of [user.email, email]) expect(`${mail.text}${mail.html}`).not.toContain(named);
      }
    });

    it('is not written for a sign-up that fails', async () => {
      const account = someAccount();
      await app.request('POST', '/users', { body: account });
      await app.mail(account.email);
      await app.request('POST', '/users', { body: account });
      await allSent(app);

      expect(app.inbox.list().filter(({ to }) => to.includes(account.email))).toHaveLength(1);
    });

    it('leaves nothing of itself in the outbox once it was sent, and nothing readable before', async () => {
      const server = await MailServer.start();
      server.refuses = 451;
      const held = await startMailing({ redis, settings: { SMTP_URL: server.url } });
      const account = someAccount();
      await held.request('POST', '/users', { body: account });
      const [row] = await held.sql<{ row: string; payload: Buffer }>('SELECT o::text AS row, payload FROM outbox o');

      expect(row?.payload.length).toBeGreaterThan(50);
      for (const told of [account.email, account.full_name]) {
        expect(row?.row).not.toContain(told);
        expect(row?.payload.includes(told)).toBe(false);
      }
      server.refuses = null;
      await allSent(held);
      expect(await held.sql('SELECT payload, key_id, lease_until, last_error FROM outbox')).toEqual([
        { payload: null, key_id: null, lease_until: null, last_error: null },
      ]);
      await held.close();
    });
  }),
);

describe('the header of a mail', () => {
  let server: MailServer;
  let app: TestApp;
  beforeAll(async () => {
    server = await MailServer.start();
    app = await startMailing({ settings: { SMTP_URL: server.url, MAIL_FROM: '"Our Team" <team@example.org>' } });
  });
  afterAll(() => app.close());

  it.each([
    ['a line break and a link', 'Ada\r\nBcc: victim@example.com', ''],
    ['a line break', 'Ada\r\nX-Evil: 1', 'Ada X-Evil: 1'],
    ['quotes and brackets', '"Ada" <x>, (y); \\', '"Ada" <x>, (y); \\'],
    ['letters beyond ASCII', 'Zoë 王', 'Zoë 王'],
  ])('holds a name with %s as a name and as nothing else', async (_, full_name, shown) => {
    const account = { ...someAccount(), full_name };
    await app.request('POST', '/users', { body: account });
    await allSent(app);
    const { parsed, to, message_id } = server.taken.at(-1)!;

    expect(to).toEqual([account.email]);
    expect(parsed.to).toMatchObject({ value: [{ name: shown, address: account.email }] });
    expect(parsed.from?.value).toEqual([{ name: 'Our Team', address: 'team@example.org' }]);
    expect(message_id).toMatch(/^<[0-9a-f-]{36}@example\.org>$/);
    expect(parsed.headers.get('auto-submitted')).toBe('auto-generated');
    expect([...parsed.headers.keys()]).not.toContain('x-evil');
    expect([...parsed.headers.keys()]).not.toContain('bcc');
  });
});
