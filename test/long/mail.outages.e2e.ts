import { Redis } from 'ioredis';
import { describeWithRedis, ownRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { MailServer } from '../support/mail-server.js';
import { allSent, LONG, outbox, signUpMany, startMailing } from '../support/mailing.js';
import { Wire } from '../support/wire.js';

const MANY = 200;
jest.setTimeout(600_000);

describe('a mail server that is of no use', () => {
  it('refuses 200 mails of 200 sign-ups: each answers 201, and each mail arrives once, later (R19)', async () => {
    const server = await MailServer.start();
    server.refuses = 451;
    const timings = { outbox_backoff_ms: 1_000, outbox_backoff_max_ms: 1_000 };
    const app = await startMailing({ settings: { SMTP_URL: server.url }, timings });
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
    const app = await startMailing({ settings: { SMTP_URL: wire.url } });
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
    const app = await startMailing({ settings: { SMTP_URL: server.url }, timings: { smtp_timeout_ms: 5_000 } });
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
    const app = await startMailing({ settings: { SMTP_URL: server.url, LOG_LEVEL: 'trace' } });
    const [address] = await signUpMany(app, 1);
    await eventually(async () => (await outbox(app, 'pending'))[0]!.attempts > 2, LONG);
    await app.close();

    expect(app.logs.join('\n')).toContain('MailNotSentError 550');
    expect(app.logs.filter((line) => line.includes('Delivering mail fails'))).toHaveLength(1);
    expect(app.logs.join('\n')).not.toContain(address);
  });
});

/** After so long a process that ends is cut short, where this machine is busy. */
const IN_TIME_MS = 20_000;

describeWithRedis('a Redis that is of no use', () => {
  it('is away during 200 sign-ups: each answers 201, and each mail arrives once when it is back', async () => {
    const redis = await ownRedis();
    const wire = await Wire.to(redis.url);
    const app = await startMailing({ settings: { REDIS_URL: wire.url } });
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
    const app = await startMailing({ settings: { REDIS_URL: wire.url } });
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
    const app = await startMailing({ settings: { REDIS_URL: redis.url, SMTP_URL: server.url } });
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
    const app = await startMailing({ settings: { REDIS_URL: wire.url }, timings: { shutdown_ms: IN_TIME_MS } });
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
