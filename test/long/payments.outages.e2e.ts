import { startApp } from '../support/app.js';
import { describeWithRedis, ownRedis } from '../support/engines.js';
import { brokenInvariants, paid, pay, quiescence, timesCharged, UNHURRIED_PAYMENTS } from '../support/payments.js';
import { times } from '../support/visitors.js';
import { Wire } from '../support/wire.js';

jest.setTimeout(180_000);

describeWithRedis('F6: Redis', () => {
  it('is flushed, and then killed, while payments are made: each is made, once, and nothing waits in the end', async () => {
    const redis = await ownRedis();
    const app = await startApp({ database: 'own', settings: { REDIS_URL: redis.url }, timings: UNHURRIED_PAYMENTS });
    const ada = await app.signUp();
    const before = await times(10, () => paid(ada));
    const { Redis } = await import('ioredis');
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
    const between = await times(10, () => paid(ada));
    await redis.stop();
    const after = await times(10, () => paid(ada, { payment_method: 'pm_sim_processing_succeeds' }));
    await times(5, () => paid(ada));

    expect(after.every(({ status }) => status === 'processing' || status === 'succeeded')).toBe(true);
    // Without Redis the facts wait; the payments themselves do not.
    for (const { id } of [...before, ...between]) expect(await timesCharged(app, id)).toBe(1);
    expect(await brokenInvariants(app)).toEqual([]);
    await app.close();
  });

  it('goes away while payments are made, and comes back with nothing: everything comes to its end', async () => {
    const redis = await ownRedis();
    const wire = await Wire.to(redis.url);
    const app = await startApp({ database: 'own', settings: { REDIS_URL: wire.url }, timings: UNHURRIED_PAYMENTS });
    const ada = await app.signUp();
    const payment_method = 'pm_sim_processing_succeeds';
    const under = times(10, () => paid(ada, { payment_method }));
    await wire.cut();
    const made = [...(await under), ...(await times(10, () => paid(ada, { payment_method })))];
    const { Redis } = await import('ioredis');
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
    await wire.mend();
    await quiescence(app);

    for (const { id } of made) expect(await timesCharged(app, id)).toBe(1);
    expect(await brokenInvariants(app)).toEqual([]);
    await app.close();
    await wire.cut();
    await redis.stop();
  });

  it('is away from the start: a worker without it brings everything to its end', async () => {
    const redis = await ownRedis();
    const api = await startApp({
      settings: { REDIS_URL: redis.url, PROCESS_ROLE: 'api' },
      timings: UNHURRIED_PAYMENTS,
    });
    const ada = await api.signUp();
    await redis.stop();
    const made = await times(10, () => paid(ada, { payment_method: 'pm_sim_processing_succeeds' }));
    const worker = await startApp({ redis: 'none' });
    await quiescence(worker);

    for (const { id } of made) expect(await timesCharged(worker, id)).toBe(1);
    expect(await brokenInvariants(worker)).toEqual([]);
    await api.close();
    await worker.close();
  });
});

it('minimal mode takes payments too', async () => {
  const app = await startApp({ database: 'own', settings: { OMNI_MINIMAL: '1' } });
  const ada = await app.signUp();
  expect((await pay(ada)).status).toBe(201);
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
  await app.close();
});
