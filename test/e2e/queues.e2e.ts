import { someAccount, startApp, type AppOptions, type TestApp } from '../support/app.js';
import { describeWithRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { MailServer } from '../support/mail-server.js';
import { startProcess } from '../support/process.js';
import { sharedStage } from '../support/stage.js';
import { Wire } from '../support/wire.js';

const LONG = { within: 60_000 };
jest.setTimeout(120_000);

interface BoardJob {
  readonly id: string;
  readonly failedReason?: string;
  readonly data: object;
}

/** As the board's page asks and is answered. */
async function board(app: TestApp, path: string, method = 'GET'): Promise<any> {
  const headers = { origin: new URL(app.opsUrl).origin };
  const answer = await fetch(`${app.opsUrl}/queues/api/queues${path}`, { method, headers });
  expect(answer.ok).toBe(true);
  return answer.text().then((text) => (text ? JSON.parse(text) : null));
}

async function failedJobs(app: TestApp, name = 'mail'): Promise<BoardJob[]> {
  const { queues } = await board(app, `?activeQueue=${name}&status=failed`);
  return queues.find((queue: { name: string }) => queue.name === name).jobs;
}

const mailRows = (app: TestApp) =>
  app.sql<{ status: string; last_error: string | null; attempts: number }>(
    `SELECT status, last_error, attempts FROM outbox WHERE topic = 'mail' ORDER BY id`,
  );

const start = (options: AppOptions = {}): Promise<TestApp> => startApp({ database: 'own', ...options });

describeWithRedis('a mail that was given up (R18)', () => {
  it('is a failed job on the board that names no person, and is sent once when it is retried there', async () => {
    const server = await MailServer.start();
    server.refuses = 450;
    const app = await start({ settings: { SMTP_URL: server.url }, timings: { outbox_give_up_ms: 300 } });
    const account = someAccount();
    await app.request('POST', '/users', { body: account });
    await eventually(async () => (await mailRows(app))[0]?.status === 'dead', LONG);
    const [job] = await eventually(async () => {
      const jobs = await failedJobs(app);
      return jobs.length === 1 && jobs;
    }, LONG);
    expect(job!.failedReason).toMatch(/^After \d+ attempts: MailNotSentError/);
    expect(JSON.stringify(job)).not.toContain(account.email);
    const metrics = await (await fetch(`${app.opsUrl}/metrics`)).text();
    expect(metrics).toMatch(/^omni_queue_jobs\{queue="mail",state="failed"\} 1$/m);

    server.refuses = null;
    await board(app, `/mail/${encodeURIComponent(job!.id)}/retry`, 'PUT');
    await eventually(async () => (await mailRows(app))[0]?.status === 'sent', LONG);
    await eventually(async () => (await failedJobs(app)).length === 0, LONG);
    expect(server.taken.map(({ to }) => to)).toEqual([[account.email]]);
    await app.close();
  });

  it('is given another day by a retry on the board, and no more than that', async () => {
    const server = await MailServer.start();
    server.refuses = 450;
    const app = await start({ settings: { SMTP_URL: server.url }, timings: { outbox_give_up_ms: 300 } });
    await app.request('POST', '/users', { body: someAccount() });
    const dead = async () => (await mailRows(app))[0]?.status === 'dead' && (await failedJobs(app)).length > 0;
    await eventually(dead, LONG);
    const { attempts } = (await mailRows(app))[0]!;
    const [job] = await failedJobs(app);

    await board(app, `/mail/${encodeURIComponent(job!.id)}/retry`, 'PUT');
    await eventually(async () => (await mailRows(app))[0]!.attempts > attempts, LONG);
    await eventually(dead, LONG);
    expect(server.taken).toEqual([]);
    await app.close();
  });

  it('because whoever sends it dies of it, is dead after five of them, and holds up nobody else', async () => {
    const app = await start();
    // As five workers leave it that were killed in the middle of it.
    await app.sql(
      `INSERT INTO outbox (id, tenant_id, topic, dedupe_key, payload, key_id, dispatches, attempts, stalls, lease_until)
       SELECT gen_random_uuid(), id, 'mail', 'poison', 'no ciphertext', '1', 5, 5, 4, now() FROM tenants LIMIT 1`,
    );
    await eventually(async () => (await mailRows(app)).some(({ status }) => status === 'dead'), LONG);
    expect(await mailRows(app)).toContainEqual({ status: 'dead', last_error: 'StalledError', attempts: 6 });
    await eventually(async () => (await failedJobs(app)).length === 1, LONG);

    const account = someAccount();
    await app.request('POST', '/users', { body: account });
    await app.mail(account.email);
    await app.close();
  });
});

describeWithRedis('a consumer whose connection has died without a word', () => {
  it('is connected again, and goes on with what waits', async () => {
    const wire = await Wire.to((await sharedStage()).redisUrl!);
    wire.swallows = 'brpoplpush';
    const app = await startApp({ settings: { REDIS_URL: wire.url }, timings: { queue_watch_ms: 3_000 } });
    const account = someAccount();
    await app.request('POST', '/users', { body: account });
    await eventually(() => app.logs.some((line) => line.includes('Queue mail waits and nothing is taken')), LONG);
    wire.swallows = null;

    await app.mail(account.email);
    await app.close();
    await wire.cut();
  });

  it('ends its process, with a status that says so, when nothing helps', async () => {
    const { redisUrl } = await sharedStage();
    const wire = await Wire.to(redisUrl!);
    const api = await startApp({ settings: { PROCESS_ROLE: 'api' } });
    wire.swallows = 'brpoplpush';
    const worker = await startProcess({
      settings: { PROCESS_ROLE: 'worker', REDIS_URL: wire.url },
      timings: { queue_watch_ms: 500 },
    });
    await api.request('POST', '/users', { body: someAccount() });

    expect(await worker.exit).toEqual({ code: 1, signal: null });
    expect(worker.output.join('')).toContain('ConsumerStuckError');
    await api.close();
    await wire.cut();
  });
});
