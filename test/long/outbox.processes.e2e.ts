import { someAccount, startApp, type TestApp } from '../support/app.js';
import { describeWithRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { MailServer } from '../support/mail-server.js';
import { startProcess } from '../support/process.js';
import { UNHURRIED_MAIL } from '../support/sign-ups.js';
import { add, anEntry, leasesEnd, LONG, row, startWithSink, withStatus } from '../support/sink.js';

// A process of its own takes a while to start.
jest.setTimeout(120_000);

describe('the end of a process', () => {
  it('waits for a delivery that is under way', async () => {
    const { app, sink } = await startWithSink();
    let finish = (): void => undefined;
    const begun = new Promise<void>((begin) => {
      sink.deliver = () => {
        begin();
        return new Promise((resolve) => (finish = resolve));
      };
    });
    await add(app, anEntry());
    await begun;
    const closed = app.close();
    finish();
    await closed;

    expect(await row(app)).toMatchObject({ status: 'sent' });
  });

  it('breaks off what takes too long, which is tried again later', async () => {
    const { app, sink } = await startWithSink({ timings: { shutdown_ms: 6_000, outbox_lease_ms: 600_000 } });
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    sink.deliver = (_, signal) => {
      begin();
      return new Promise((__, reject) => signal.addEventListener('abort', () => reject(new RangeError('broken off'))));
    };
    await add(app, anEntry());
    await begun;
    await app.close();

    expect(await row(app)).toMatchObject({ status: 'pending', last_error: 'RangeError', lease_until: null });
  });
});

describe('a key that has left the ring', () => {
  it('stops the start while something is sealed with it, and says which', async () => {
    const [first, second] = ['first', 'second'].map((kid) => `${kid}:ring-7hG2kQ9xW4mZ8vB1nC5pL3sD6fJ0-${kid}`);
    const api = await startApp({ settings: { SECRET_KEY: first!, PROCESS_ROLE: 'api' } });
    await mails(api, 1);
    await api.close();

    await expect(startProcess({ settings: { SECRET_KEY: second! } })).rejects.toThrow(
      /SECRET_KEY no longer holds first.*npm run keys:reseal/,
    );
    const rotated = await startApp({ settings: { SECRET_KEY: `${second},${first}` } });
    await withStatus(rotated, 'sent');
    await rotated.close();
    await (await startProcess({ settings: { SECRET_KEY: second! } })).kill('SIGTERM');
  });
});

const WAYS = [
  ['through Bull', {}, describeWithRedis],
  ['without Redis', { REDIS_URL: '' }, describe],
] as const;

describe.each(WAYS)('two processes %s', (_, settings, describeWay) =>
  describeWay('on one database', () => {
    it('deliver each of 200 mails once', async () => {
      const server = await MailServer.start();
      const SMTP_URL = server.url;
      const timings = { smtp_timeout_ms: 40_000, outbox_lease_ms: 80_000 };
      const api = await startApp({ settings: { ...settings, PROCESS_ROLE: 'api' } });
      await mails(api, 200);
      const others = await Promise.all(
        [1, 2].map(() => startProcess({ settings: { ...settings, SMTP_URL }, timings })),
      );

      await eventually(() => server.taken.length >= 200, LONG);
      await withStatus(api, 'sent');
      expect(new Set(server.taken.map(({ message_id }) => message_id)).size).toBe(200);
      expect(server.taken).toHaveLength(200);
      await Promise.all(others.map((other) => other.kill('SIGTERM')));
      await api.close();
    });
  }),
);

/** Mails to so many strangers, written as a feature does. */
async function mails(app: TestApp, count: number): Promise<void> {
  const people = Array.from({ length: count }, someAccount);
  await add(
    app,
    ...people.map(({ email, full_name }) =>
      anEntry({
        topic: 'mail',
        payload: { template: 'welcome', to: { name: full_name, address: email }, data: { full_name } },
      }),
    ),
  );
}

describe('a process that is killed', () => {
  it.each(['outbox.claimed', 'outbox.queued'])(
    'at %s has lost nothing: the mail is delivered, once',
    async (die_at) => {
      const doomed = await startProcess({ die_at, timings: UNHURRIED_MAIL });
      const account = someAccount();
      // It may die before it has answered.
      await doomed.send('POST', '/users', { body: account }).catch(() => undefined);
      expect((await doomed.exit).signal).toBe('SIGKILL');
      await leasesEnd();
      const app = await startApp({ timings: UNHURRIED_MAIL });
      await withStatus(app, 'sent');

      expect(app.inbox.list().filter(({ to }) => to.includes(account.email))).toHaveLength(1);
      await app.close();
    },
  );

  it('between the mail server and its own commit repeats the mail, under the same Message-ID', async () => {
    const server = await MailServer.start();
    const settings = { SMTP_URL: server.url };
    const doomed = await startProcess({ die_at: 'mail.sent', settings, timings: UNHURRIED_MAIL });
    await doomed.send('POST', '/users', { body: someAccount() }).catch(() => undefined);
    expect((await doomed.exit).signal).toBe('SIGKILL');
    expect(server.taken).toHaveLength(1);
    await leasesEnd();
    const app = await startApp({ settings, timings: UNHURRIED_MAIL });
    await withStatus(app, 'sent');

    expect(server.taken.length).toBeGreaterThan(1);
    expect(new Set(server.taken.map(({ message_id }) => message_id)).size).toBe(1);
    await app.close();
  });
});
