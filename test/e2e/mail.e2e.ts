import { Redis } from 'ioredis';
import { someAccount, startApp, type AppOptions, type TestApp } from '../support/app.js';
import { describeWithRedis, ownRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { MailServer } from '../support/mail-server.js';
import { Wire } from '../support/wire.js';

const MANY = 200;
/** Hashing the passwords of so many takes a while, and more where many tests run. */
const LONG = { within: 60_000 };
jest.setTimeout(120_000);

/** An app that sees its own mails alone, and gives nothing up because this machine is busy. */
const start = ({ timings, ...options }: AppOptions): Promise<TestApp> =>
  startApp({
    database: 'own',
    timings: { hash_wait_ms: 60_000, smtp_timeout_ms: 40_000, outbox_lease_ms: 80_000, ...timings },
    ...options,
  });

/** Signs up so many people at once. @returns their addresses. */
async function signUpMany(app: TestApp, count: number): Promise<string[]> {
  const accounts = Array.from({ length: count }, someAccount);
  const answers = [];
  // A few at a time: the others would wait too long for their passwords to be hashed.
  for (let begin = 0; begin < count; begin += 20) {
    const some = accounts.slice(begin, begin + 20);
    answers.push(...(await Promise.all(some.map((body) => app.request('POST', '/users', { body })))));
  }
  expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
  return accounts.map(({ email }) => email);
}

const outbox = (app: TestApp, status: string) =>
  app.sql<{ attempts: number; last_error: string | null }>(
    'SELECT attempts, last_error FROM outbox WHERE status = $1',
    [status],
  );

const allSent = (app: TestApp) =>
  eventually(async () => (await outbox(app, 'pending')).length === 0 && (await outbox(app, 'dead')).length === 0, LONG);

const WAYS = [
  ['through Bull', undefined, describeWithRedis],
  ['without Redis', 'none', describe],
] as const;

describe.each(WAYS)('a mail %s', (_, redis, describeWay) =>
  describeWay('of a sign-up or a change', () => {
    let app: TestApp;
    beforeAll(async () => (app = await start({ redis })));
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
      const held = await start({ redis, settings: { SMTP_URL: server.url } });
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

describe('a mail server that is of no use', () => {
  it('refuses 200 mails of 200 sign-ups: each answers 201, and each mail arrives once, later (R19)', async () => {
    const server = await MailServer.start();
    server.refuses = 451;
    const timings = { outbox_backoff_ms: 1_000, outbox_backoff_max_ms: 1_000 };
    const app = await start({ settings: { SMTP_URL: server.url }, timings });
    const addresses = await signUpMany(app, MANY);
    await eventually(async () => (await outbox(app, 'pending')).every(({ attempts }) => attempts > 1), LONG);
    expect(server.taken).toEqual([]);
    expect(new Set((await outbox(app, 'pending')).map(({ last_error }) => last_error))).toEqual(
      new Set(['MailNotSentError 451']),
    );

    server.refuses = null;
    await allSent(app);
    expect(server.taken.flatMap(({ to }) => to).toSorted()).toEqual(addresses.toSorted());
    expect(new Set(server.taken.map(({ message_id }) => message_id)).size).toBe(MANY);
    await app.close();
  });

  it('cannot be reached: the sign-up answers, and the mail arrives once the line is mended', async () => {
    const server = await MailServer.start();
    const wire = await Wire.to(server.url);
    const app = await start({ settings: { SMTP_URL: wire.url } });
    await wire.cut();
    const [address] = await signUpMany(app, 1);
    await eventually(async () => (await outbox(app, 'pending'))[0]!.attempts > 1, LONG);
    expect((await outbox(app, 'pending'))[0]!.last_error).toMatch(/^MailNotSentError E[A-Z]+$/);

    await wire.mend();
    await allSent(app);
    expect(server.taken.map(({ to }) => to)).toEqual([[address]]);
    await app.close();
    await wire.cut();
  });

  it('never replies: the time for a mail ends, and it is tried again', async () => {
    const server = await MailServer.start();
    server.beforeReply = () => new Promise(() => undefined);
    const app = await start({ settings: { SMTP_URL: server.url }, timings: { smtp_timeout_ms: 5_000 } });
    await signUpMany(app, 1);
    await eventually(() => server.heard > 0, LONG);
    server.beforeReply = () => Promise.resolve();

    await allSent(app);
    expect(server.taken).toHaveLength(1);
    await app.close();
  });

  it('puts no address into the log, however it fails', async () => {
    const server = await MailServer.start();
    server.refuses = 550;
    const app = await start({ settings: { SMTP_URL: server.url, LOG_LEVEL: 'trace' } });
    const [address] = await signUpMany(app, 1);
    await eventually(async () => (await outbox(app, 'pending'))[0]!.attempts > 2, LONG);
    await app.close();

    expect(app.logs.join('\n')).toContain('MailNotSentError 550');
    expect(app.logs.filter((line) => line.includes('Delivering mail fails'))).toHaveLength(1);
    expect(app.logs.join('\n')).not.toContain(address);
  });
});

describe('the header of a mail', () => {
  let server: MailServer;
  let app: TestApp;
  beforeAll(async () => {
    server = await MailServer.start();
    app = await start({ settings: { SMTP_URL: server.url, MAIL_FROM: '"Our Team" <team@example.org>' } });
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

/** After so long a process that ends is cut short, where this machine is busy. */
const IN_TIME_MS = 20_000;

describeWithRedis('a Redis that is of no use', () => {
  it('is away during 200 sign-ups: each answers 201, and each mail arrives once when it is back', async () => {
    const redis = await ownRedis();
    const wire = await Wire.to(redis.url);
    const app = await start({ settings: { REDIS_URL: wire.url } });
    await wire.cut();
    const addresses = await signUpMany(app, MANY);
    expect(app.inbox.list()).toEqual([]);

    await wire.mend();
    await allSent(app);
    expect(
      app.inbox
        .list()
        .flatMap(({ to }) => to)
        .toSorted(),
    ).toEqual(addresses.toSorted());
    await app.close();
    await wire.cut();
    await redis.stop();
  });

  it('is away when the app starts: it starts, and works when Redis is there', async () => {
    const redis = await ownRedis();
    const wire = await Wire.to(redis.url);
    await wire.cut();
    const app = await start({ settings: { REDIS_URL: wire.url } });
    const [address] = await signUpMany(app, 1);

    await wire.mend();
    await allSent(app);
    expect(app.inbox.list().map(({ to }) => to)).toEqual([[address]]);
    await app.close();
    await wire.cut();
    await redis.stop();
  });

  it('forgets every job: the mails arrive nevertheless, each once', async () => {
    const redis = await ownRedis();
    const server = await MailServer.start();
    let open = (): void => undefined;
    const held = new Promise<void>((resolve) => (open = resolve));
    server.beforeReply = () => held;
    const app = await start({ settings: { REDIS_URL: redis.url, SMTP_URL: server.url } });
    const addresses = await signUpMany(app, 20);
    await eventually(() => server.heard >= 5, LONG);
    const client = new Redis(redis.url);
    await eventually(async () => (await client.llen('{bull}:mail:wait')) > 0);
    await client.flushall();
    await client.quit();
    open();

    await allSent(app);
    expect(server.taken.flatMap(({ to }) => to).toSorted()).toEqual(addresses.toSorted());
    await app.close();
    await redis.stop();
  });

  it.each<[what: string, ruin: (wire: Wire, pid: number) => Promise<unknown>]>([
    ['has gone', (wire) => wire.cut()],
    ['hangs', async (_, pid) => process.kill(pid, 'SIGSTOP')],
  ])('%s when the app ends: it ends in time', async (_, ruin) => {
    const redis = await ownRedis();
    const wire = await Wire.to(redis.url);
    const app = await start({ settings: { REDIS_URL: wire.url }, timings: { shutdown_ms: IN_TIME_MS } });
    await signUpMany(app, 1);
    await allSent(app);
    await ruin(wire, redis.pid);
    const [address] = await signUpMany(app, 1);

    const began = Date.now();
    await app.close();
    expect(Date.now() - began).toBeLessThan(IN_TIME_MS);
    process.kill(redis.pid, 'SIGCONT');
    expect(app.inbox.list().filter(({ to }) => to.includes(address!))).toEqual([]);
    await wire.cut();
    await redis.stop();
  });
});
