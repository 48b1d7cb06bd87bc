import { SealedData } from '../../src/database/sealing/sealed-data.js';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type AppOptions, type TestApp } from '../support/app.js';
import { whileLocked } from '../support/connections.js';
import { describeWithRedis, ownRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { MailServer } from '../support/mail-server.js';
import { paid, quiescence } from '../support/payments.js';
import { startProcess } from '../support/process.js';
import { deliveriesOf, endpointAt, isSigned, makeDue, Receiver, untilDeliveries } from '../support/receiver.js';

// A process of its own takes a while to start.
jest.setTimeout(240_000);

/** On a machine that is busy a payment takes its time, which is no affair of these tests. */
const PATIENT = { payment_lease_ms: 60_000, payment_grace_ms: 120_000 };

// Whoever is left of a test that failed would do the work of the next one's.
const started: TestApp[] = [];
const start = async ({ timings, ...options }: AppOptions = {}): Promise<TestApp> => {
  const app = await startApp({ timings: { ...PATIENT, ...timings }, ...options });
  started.push(app);
  return app;
};
afterEach(async () => {
  for (const app of started.splice(0)) await app.close();
});

const SUCCEEDED = { events: ['payment.succeeded'] };
const delivered = (found: any[]): boolean => found.length > 0 && found.every(({ status }) => status === 'delivered');

describe('a worker that is killed', () => {
  it.each(['while the receiver is being asked', 'between its answer and our commit'])(
    '%s has lost nothing: it is sent again, under the same id and with the same bytes',
    async (moment) => {
      const api = await start({ settings: { PROCESS_ROLE: 'api' } });
      const tenant_id = await newTenant(api);
      const [admin, ada] = [await member(api, tenant_id, 'admin'), await member(api, tenant_id)];
      const receiver = await Receiver.start();
      const { secret, ...endpoint } = await endpointAt(admin, receiver.url(), SUCCEEDED);
      const isAsked = moment.startsWith('while');
      if (isAsked) receiver.behaviour = () => undefined;
      // It is killed long before anything of its is anybody else's, or its own once more.
      const timings = { webhook_timeout_ms: 60_000, webhook_lease_ms: 120_000 };
      const doomed = await startProcess({ timings, ...(!isAsked && { die_at: 'webhook.sent' }) });
      await paid(ada);
      await receiver.until('payment.succeeded');
      if (isAsked) await doomed.kill();
      expect((await doomed.exit).signal).toBe('SIGKILL');
      expect(await deliveriesOf(admin, endpoint)).toMatchObject([{ status: 'pending', attempts: 1 }]);

      receiver.behaviour = () => 200;
      await start({ settings: { PROCESS_ROLE: 'worker' } });
      // As two minutes later.
      await api.sql('UPDATE webhook_deliveries SET lease_until = now() WHERE endpoint_id = $1', [endpoint.id]);
      const [first, second] = await receiver.until('payment.succeeded', 2);
      await untilDeliveries(admin, endpoint, delivered);
      expect([second!.id, second!.body]).toEqual([first!.id, first!.body]);
      expect(isSigned(second!, secret)).toBe(true);
      expect(receiver.got).toHaveLength(2);
    },
  );
});

describe('two workers', () => {
  it('never send the same at once, and together no more than four to an endpoint', async () => {
    const replicas = await Promise.all([start(), start()]);
    const tenant_id = await newTenant(replicas[0]);
    const [admin, ada] = [await member(replicas[0], tenant_id, 'admin'), await member(replicas[0], tenant_id)];
    const receiver = await Receiver.start();
    const under_way = new Set<string>();
    let [twice, most] = [0, 0];
    receiver.behaviour = async ({ id }) => {
      if (under_way.has(id)) twice += 1;
      under_way.add(id);
      most = Math.max(most, under_way.size);
      await new Promise((resolve) => setTimeout(resolve, 30));
      under_way.delete(id);
      return 200;
    };
    const endpoint = await endpointAt(admin, receiver.url());
    for (let count = 0; count < 12; count++) await paid(ada);
    await receiver.until('payment.succeeded', 12);
    await quiescence(replicas[0]);
    const deliveries = await untilDeliveries(admin, endpoint, delivered);

    expect({ twice, most: most <= 4 }).toEqual({ twice: 0, most: true });
    expect(deliveries.every(({ attempts }) => attempts === 1)).toBe(true);
    expect(receiver.got).toHaveLength(deliveries.length);
  });

  it('one that sleeps past its lease writes nothing when it wakes', async () => {
    let wake = (): void => undefined;
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    let sleeps = false;
    const first = await start({
      timings: { webhook_timeout_ms: 4_000, webhook_lease_ms: 5_000 },
      checkpoints: async (name) => {
        if (name !== 'webhook.sent' || sleeps) return;
        sleeps = true;
        await asleep;
      },
    });
    const tenant_id = await newTenant(first);
    const [admin, ada] = [await member(first, tenant_id, 'admin'), await member(first, tenant_id)];
    const receiver = await Receiver.start();
    receiver.behaviour = () => (receiver.got.length === 1 ? 500 : 200);
    const endpoint = await endpointAt(admin, receiver.url(), SUCCEEDED);
    await paid(ada);
    await eventually(() => sleeps, { within: 20_000 });
    const [done] = await untilDeliveries(admin, endpoint, delivered);
    wake();
    await first.close();

    const after = await start({ settings: { PROCESS_ROLE: 'api' } });
    const [row] = await after.sql('SELECT status, attempts, last_status FROM webhook_deliveries WHERE id = $1', [
      done.id,
    ]);
    expect(row).toEqual({ status: 'delivered', attempts: 2, last_status: 200 });
  });
});

describe('the end of a process', () => {
  it('waits for what is under way, and breaks off what takes too long: somebody else sends it', async () => {
    const app = await start({ timings: { shutdown_ms: 4_000, webhook_timeout_ms: 60_000 } });
    const tenant_id = await newTenant(app);
    const [admin, ada] = [await member(app, tenant_id, 'admin'), await member(app, tenant_id)];
    const receiver = await Receiver.start();
    receiver.behaviour = () => undefined;
    const { id } = await endpointAt(admin, receiver.url(), SUCCEEDED);
    await paid(ada);
    await receiver.until('payment.succeeded');
    await app.close();

    const next = await start();
    receiver.behaviour = () => 204;
    const [, again] = await receiver.until('payment.succeeded', 2);
    expect(again!.id).toBe(receiver.got[0]!.id);
    await eventually(async () => {
      const [row] = await next.sql('SELECT status FROM webhook_deliveries WHERE endpoint_id = $1', [id]);
      return row.status === 'delivered';
    });
  });
});

describe('the end of a process behind which everybody hangs', () => {
  it('comes in time, and who has asked while it drained is answered', async () => {
    // Of one of these after the other it would take more than all of the time.
    const shutdown_ms = 10_000;
    const timings = { drain_ms: 2_000, shutdown_ms, webhook_timeout_ms: 60_000, smtp_timeout_ms: 60_000 };
    const mail = await MailServer.start();
    const app = await start({ database: 'own', settings: { SMTP_URL: mail.url }, timings });
    const [admin, ada, receiver] = [await app.tenantAdmin(), await app.signUp(), await Receiver.start()];
    receiver.behaviour = () => undefined;
    await endpointAt(admin, receiver.url(), SUCCEEDED);
    await paid(ada);
    await receiver.until('payment.succeeded');
    const heard = mail.heard;
    mail.beforeReply = () => new Promise(() => undefined);
    await app.signUp();
    await eventually(() => mail.heard > heard);

    const { began, closed, asking } = await whileLocked(
      app,
      'LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE',
      [],
      async () => {
        const ending = { began: Date.now(), closed: app.close(), asking: ada.get('/auth/api-keys') };
        await eventually(() => expect(app.send('GET', '~/health/live')).rejects.toThrow('fetch failed'));
        return ending;
      },
    );
    expect((await asking).status).toBe(200);
    await closed;
    expect(Date.now() - began).toBeLessThan(shutdown_ms);
  });
});

describeWithRedis('with Redis away', () => {
  it('what waits is sent all the same, and what happens meanwhile once it is back or somebody works without', async () => {
    const redis = await ownRedis();
    const app = await start({ database: 'own', settings: { REDIS_URL: redis.url } });
    const [admin, ada, receiver] = [await app.tenantAdmin(), await app.signUp(), await Receiver.start()];
    const endpoint = await endpointAt(admin, receiver.url(), SUCCEEDED);
    receiver.behaviour = () => 500;
    await paid(ada);
    await receiver.until('payment.succeeded');
    await redis.stop();
    receiver.behaviour = () => 200;
    await makeDue(app, endpoint);

    await untilDeliveries(admin, endpoint, delivered);
  });

  it('minimal mode, which has none, tells of everything', async () => {
    const app = await start({ database: 'own', settings: { OMNI_MINIMAL: '1' } });
    const [admin, ada, receiver] = [await app.tenantAdmin(), await app.signUp(), await Receiver.start()];
    await endpointAt(admin, receiver.url());
    await paid(ada);

    await receiver.until('payment.succeeded');
  });
});

// The last one: what it leaves behind is sealed with a key that the others do not have.
describe('a rotated ring of keys', () => {
  it('has secrets and bodies sealed anew, and both go on', async () => {
    const api = await start({ settings: { PROCESS_ROLE: 'api' } });
    const tenant_id = await newTenant(api);
    const [admin, ada] = [await member(api, tenant_id, 'admin'), await member(api, tenant_id)];
    const receiver = await Receiver.start();
    const { secret, ...endpoint } = await endpointAt(admin, receiver.url(), SUCCEEDED);
    const ring = [...api.settings.SECRET_KEY].map((pair) => pair.join(':'));
    const settings = { SECRET_KEY: ['second:ring-7hG2kQ9xW4mZ8vB1nC5pL3sD6fJ0', ...ring].join() };
    receiver.behaviour = () => 503;
    const rotated = await start({ settings });
    await paid(ada);
    await receiver.until('payment.succeeded');

    expect(await rotated.app.get(SealedData).reseal()).toMatchObject({ webhook_endpoints: expect.any(Number) });
    const keys = 'SELECT key_id FROM webhook_endpoints UNION SELECT key_id FROM webhook_deliveries';
    expect(await rotated.sql(keys)).toEqual([{ key_id: 'second' }]);
    receiver.behaviour = () => 204;
    await untilDeliveries(admin, endpoint, delivered);
    expect(isSigned(receiver.got.at(-1)!, secret)).toBe(true);
  });
});
