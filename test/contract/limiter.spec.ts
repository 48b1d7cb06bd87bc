import { randomUUID } from 'node:crypto';
import { Settings } from '../../src/config/settings.js';
import { Timings } from '../../src/config/timings.js';
import type { Check, LimiterStorage } from '../../src/limits/limiter-storage.js';
import { MemoryLimiterStorage } from '../../src/limits/memory-limiter.js';
import { PostgresLimiterStorage } from '../../src/limits/postgres-limiter.js';
import { RedisClients } from '../../src/redis/redis-clients.js';
import { RedisLimiterStorage } from '../../src/redis/redis-limiter.js';
import { startApp, type TestApp } from '../support/app.js';
import { describeWithRedis, emptyRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';

const HOUR = 3_600_000;

/** A subject that nobody has counted before. */
const someCheck = (changes: Partial<Check> = {}): Check => ({
  policy: 'general',
  subject: randomUUID(),
  limit: 5,
  window_ms: HOUR,
  ...changes,
});

/** What every adapter promises. */
function promises(storage: () => LimiterStorage): void {
  const take = async (check: Check) => (await storage().take([check]))[0];
  const pass = async (check: Check): Promise<boolean> => !(await take(check)).full;
  const spend = async (check: Check, hits = check.limit): Promise<void> => {
    for (let hit = 0; hit < hits; hit++) expect(await pass(check)).toBe(true);
  };

  it('counts up to the limit, then refuses and says for how long', async () => {
    const check = someCheck({ limit: 3 });

    for (const hits of [1, 2, 3]) expect(await take(check)).toMatchObject({ hits, full: false });
    const refused = await take(check);

    expect(refused).toMatchObject({ hits: 3, full: true });
    expect(refused.reset_ms).toBeGreaterThan(HOUR - 60_000);
    expect(refused.reset_ms).toBeLessThanOrEqual(HOUR);
  });

  it('counts every subject and every policy apart', async () => {
    const check = someCheck({ limit: 1 });
    await spend(check);

    expect(await pass({ ...check, subject: randomUUID() })).toBe(true);
    expect(await pass({ ...check, policy: 'flood' })).toBe(true);
    expect(await pass(check)).toBe(false);
  });

  it('counts a hit under all policies or under none', async () => {
    const [wide, narrow] = [someCheck({ limit: 10 }), someCheck({ limit: 1 })];

    expect(await storage().take([wide, narrow])).toMatchObject([
      { hits: 1, full: false },
      { hits: 1, full: false },
    ]);
    expect(await storage().take([wide, narrow])).toMatchObject([
      { hits: 1, full: false },
      { hits: 1, full: true },
    ]);
    expect(await take(wide)).toMatchObject({ hits: 2 });
  });

  it('lets one of a hundred through that race for the last place (RL2)', async () => {
    const check = someCheck({ limit: 60 });
    await spend(check, 59);
    const race = await Promise.all(Array.from({ length: 100 }, () => pass(check)));

    expect(race.filter(Boolean)).toHaveLength(1);
  });

  it.each([1, 7, 40])('lets at most 1.1 times %i through in any window (RL3)', async (limit) => {
    const check = someCheck({ limit, window_ms: 300 });
    const through: { before: number; after: number }[] = [];
    while (through.length < 3 * limit) {
      const before = performance.now();
      if (await pass(check)) through.push({ before, after: performance.now() });
      else await new Promise((resolve) => setImmediate(resolve));
    }

    // All that was asked and answered within so long was counted within no longer; two clocks may be a millisecond apart.
    const within = through.map(({ before }, first) => through.slice(first).filter(({ after }) => after - before < 299));
    expect(Math.max(...within.map(({ length }) => length))).toBeLessThanOrEqual(1.1 * limit);
  });

  it('has room again when it said so, however often it was asked meanwhile', async () => {
    const check = someCheck({ limit: 2, window_ms: 500 });
    await spend(check);
    const asked = performance.now();
    const { reset_ms } = await take(check);

    await eventually(() => pass(check), { within: 10_000 });
    expect(performance.now() - asked).toBeGreaterThan(reset_ms - 2);
  });

  it('is no more generous to what was counted when a limit is lowered', async () => {
    const check = someCheck({ limit: 10 });
    await spend(check);

    expect(await pass({ ...check, limit: 5 })).toBe(false);
  });

  it('takes high limits: what it keeps of a subject does not grow with them', async () => {
    const check = someCheck({ limit: 1_000_000 });
    await spend(check, 200);

    expect(await take(check)).toMatchObject({ hits: 201, full: false });
  });
}

describe('the limits in memory', () => {
  const storage = new MemoryLimiterStorage();
  promises(() => storage);
});

describe('the limits in PostgreSQL', () => {
  let app: TestApp;
  beforeAll(async () => (app = await startApp()));
  promises(() => app.app.get(PostgresLimiterStorage));

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
  promises(() => storage);

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
