import { Settings } from '../../src/config/settings.js';
import { Timings } from '../../src/config/timings.js';
import { MemoryLimiterStorage } from '../../src/limits/memory-limiter.js';
import { PostgresLimiterStorage } from '../../src/limits/postgres-limiter.js';
import { RedisClients } from '../../src/redis/redis-clients.js';
import { RedisLimiterStorage } from '../../src/redis/redis-limiter.js';
import { startApp, type TestApp } from '../support/app.js';
import { describeWithRedis, emptyRedis } from '../support/engines.js';
import { HOUR, limiterContract, someCheck } from './limiter.contract.js';

describe('the limits in memory', () => {
  const storage = new MemoryLimiterStorage();
  limiterContract(() => storage);
});

describe('the limits in PostgreSQL', () => {
  let app: TestApp;
  beforeAll(async () => (app = await startApp()));
  limiterContract(() => app.app.get(PostgresLimiterStorage));

  it('never keeps two requests waiting for each other, whatever the order of their checks', async () => {
    const [one, other] = [someCheck({ limit: 1_000 }), someCheck({ limit: 1_000 })];
    const storage = app.app.get(PostgresLimiterStorage);
    const race = Array.from({ length: 100 }, (_, at) => storage.take(at % 2 ? [one, other] : [other, one]));

    expect((await Promise.all(race)).flat().some(({ full }) => full)).toBe(false);
  });
});

describeWithRedis('the limits in Redis', () => {
  let clients: RedisClients;
  let storage: RedisLimiterStorage;
  beforeAll(async () => {
    const url = (await emptyRedis(0)) ?? undefined;
    clients = new RedisClients(Object.assign(new Settings(), { REDIS_URL: url, REDIS_CACHE_URL: url }), new Timings());
    storage = new RedisLimiterStorage(clients);
    await clients.onModuleInit();
  });
  afterAll(() => clients.onApplicationShutdown());
  limiterContract(() => storage);

  it('keeps a subject in one key, in the slot of all limits, and no longer than its window', async () => {
    const check = someCheck({ limit: 1_000 });
    for (let hit = 0; hit < 100; hit++) await storage.take([check]);
    const [key, ...others] = await clients.cache.keys(`*${check.subject}*`);

    expect([key, others]).toEqual([`{limits}:general:${check.subject}`, []]);
    expect(await clients.cache.pttl(key)).toBeGreaterThan(HOUR - 60_000);
    expect(await clients.cache.strlen(key)).toBeLessThan(100);
  });

  it('counts for every process by the same clock, which is its own', async () => {
    const check = someCheck({ limit: 1 });
    jest.spyOn(Date, 'now').mockReturnValue(0);
    await storage.take([check]);
    jest.restoreAllMocks();

    expect((await storage.take([check]))[0].full).toBe(true);
  });
});
