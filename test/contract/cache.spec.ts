import { setTimeout } from 'node:timers/promises';
import { CacheAside } from '../../src/cache/cache-aside.js';
import { MemoryCache } from '../../src/cache/memory-cache.js';
import { Keyring } from '../../src/common/keyring.js';
import { Settings } from '../../src/config/settings.js';
import { Timings } from '../../src/config/timings.js';
import { RedisCache } from '../../src/redis/redis-cache.js';
import { RedisClients } from '../../src/redis/redis-clients.js';
import { describeWithRedis, emptyRedis, ownRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { times } from '../support/visitors.js';
import { Wire } from '../support/wire.js';
import { cacheContract, MINUTE, PATIENT, Stored } from './cache.contract.js';

describe('the cache in memory', () => {
  const cache = new MemoryCache(MINUTE);
  cacheContract(() => cache);

  it('keeps nothing for longer than it may, whatever is asked: nobody tells it of changes', async () => {
    const brief = new MemoryCache(50);
    const reader = new CacheAside(brief, PATIENT);
    const stored = new Stored('old');
    await reader.read(stored.source);
    stored.value = 'new';

    await eventually(async () => (await reader.read(stored.source)) === 'new');
  });

  it('keeps ten thousand copies at most, those that were read last', async () => {
    const reader = new CacheAside(new MemoryCache(MINUTE), PATIENT);
    const first = new Stored();
    await reader.read(first.source);
    for (let count = 0; count < 10_000; count++) await reader.read(new Stored().source);
    await reader.read(first.source);

    expect(first.loads).toBe(2);
  });
});

const settingsFor = (url: string): Settings =>
  Object.assign(new Settings(), {
    REDIS_URL: url,
    REDIS_CACHE_URL: url,
    SECRET_KEY: new Map([['1', 'a secret of the cache that is long enough']]),
  });

describeWithRedis('the cache in Redis', () => {
  let clients: RedisClients;
  let cache: RedisCache;
  let settings: Settings;
  beforeAll(async () => {
    settings = settingsFor((await emptyRedis(0)) ?? '');
    clients = new RedisClients(settings, PATIENT);
    cache = new RedisCache(clients, new Keyring(settings));
    await clients.onModuleInit();
  });
  afterAll(() => clients.onApplicationShutdown());
  cacheContract(() => cache);

  it('keeps a copy sealed to its key, no longer than its life, and not all for equally long', async () => {
    const reader = new CacheAside(cache, PATIENT);
    const stored = Array.from({ length: 20 }, () => new Stored('Ada Lovelace', undefined, 5 * MINUTE));
    for (const one of stored) await reader.read(one.source);
    const lives = await Promise.all(stored.map(({ key }) => clients.cache.pttl(key)));
    const [one, other] = stored as [Stored, Stored];
    const sealed = (await clients.cache.get(one.key)) ?? '';
    await clients.cache.set(other.key, sealed);

    expect(Math.max(...lives)).toBeLessThanOrEqual(5 * MINUTE);
    expect(Math.max(...lives) - Math.min(...lives)).toBeGreaterThan(1_000);
    expect(sealed).not.toMatch(/Ada|Lovelace/);
    expect(await cache.open(one.key)).toEqual({ value: 'Ada Lovelace' });
    expect(await cache.open(other.key)).toEqual({ lease: null });
  });

  it('is asked once by each process for a thousand readers', async () => {
    const stored = new Stored();
    stored.held = setTimeout(20);
    const processes = [new CacheAside(cache, PATIENT), new CacheAside(cache, PATIENT)];
    await times(1_000, (index) => processes[index % 2]!.read(stored.source));

    expect(stored.loads).toBeLessThanOrEqual(processes.length);
  });
});

describeWithRedis('with a Redis of its own', () => {
  it.each(['away', 'paused'] as const)(
    'which is %s, the store answers, and what was dropped meanwhile is gone',
    async (how) => {
      const server = await ownRedis();
      const wire = await Wire.to(server.url);
      const settings = settingsFor(wire.url);
      const timings = new Timings({ cache_wait_ms: 300, cache_pause_ms: 50, probe_ms: 1_000 });
      const clients = new RedisClients(settings, timings);
      await clients.onModuleInit();
      const cache = new RedisCache(clients, new Keyring(settings));
      const [here, there] = [new CacheAside(cache, timings), new CacheAside(cache, timings)];
      const stored = new Stored('old');
      await eventually(async () => (await here.read(stored.source)) === 'old' && stored.loads > 0);
      await eventually(async () => {
        const { loads } = stored;
        await here.read(stored.source);
        return stored.loads === loads;
      });

      await (how === 'away' ? wire.cut() : Promise.resolve(process.kill(server.pid, 'SIGSTOP')));
      stored.value = 'new';
      const begun = performance.now();
      await here.drop(stored.key, MINUTE);
      const reads = [];
      for (let count = 0; count < 20; count++) reads.push(await here.read(stored.source));
      const took = performance.now() - begun;
      await (how === 'away' ? wire.mend() : Promise.resolve(process.kill(server.pid, 'SIGCONT')));

      expect(new Set(reads)).toEqual(new Set(['new']));
      // One wait for the drop, and what the pauses between waits leave room for.
      expect(took).toBeLessThan(5_000);
      await eventually(async () => (await there.read(stored.source)) === 'new');
      for (const reader of [here, there]) reader.onApplicationShutdown();
      await clients.onApplicationShutdown();
      await wire.cut();
      await server.stop();
    },
  );
});
