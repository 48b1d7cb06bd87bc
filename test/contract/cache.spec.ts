import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Cache } from '../../src/cache/cache.js';
import { CacheAside, type Cacheable } from '../../src/cache/cache-aside.js';
import { MemoryCache } from '../../src/cache/memory-cache.js';
import { Keyring } from '../../src/common/keyring.js';
import { Settings } from '../../src/config/settings.js';
import { Timings } from '../../src/config/timings.js';
import { RedisCache } from '../../src/redis/redis-cache.js';
import { RedisClients } from '../../src/redis/redis-clients.js';
import { describeWithRedis, emptyRedis, ownRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { Signal } from '../support/signal.js';
import { times } from '../support/visitors.js';

const MINUTE = 60_000;
/** On a machine that is busy an answer is late, which is no reason to do without. */
const PATIENT = new Timings({ cache_wait_ms: 15_000, probe_ms: 15_000 });

const someKey = (): string => `t:tenant:user:${randomUUID()}`;

/** Something in a store that counts how often it is asked. */
class Stored {
  loads = 0;
  /** What a load waits for, once it has read. */
  held: Promise<unknown> = Promise.resolve();

  constructor(
    public value: string | null = 'first',
    readonly key = someKey(),
    private readonly ttl_ms = MINUTE,
  ) {}

  get source(): Cacheable<string> {
    const load = async (): Promise<string | null> => {
      this.loads += 1;
      const read = this.value;
      await this.held;
      return read;
    };
    return { key: this.key, ttl_ms: this.ttl_ms, load, write: (value) => value, read: (copy) => copy };
  }
}

/** What every adapter promises. */
function promises(cache: () => Cache): void {
  const leaseOf = async (key: string): Promise<string> => {
    const opened = await cache().open(key);
    if (!('lease' in opened) || opened.lease === null) throw new Error('There is no lease to be had');
    return opened.lease;
  };
  const aside = (timings = PATIENT): CacheAside => new CacheAside(cache(), timings);

  it('gives a lease to the first who finds nothing, and what that one puts to everybody', async () => {
    const key = someKey();
    const lease = await leaseOf(key);

    expect(await cache().open(key)).toEqual({ lease: null });
    expect(await cache().put(key, lease, 'what is put', MINUTE)).toBe(true);
    expect(await cache().open(key)).toEqual({ value: 'what is put' });
    expect(await cache().open(someKey())).not.toHaveProperty('value');
  });

  it('takes nothing from whoever has no lease, or had it before a drop', async () => {
    const key = someKey();
    const lease = await leaseOf(key);
    await cache().drop(key);

    expect(await cache().put(key, lease, 'old', MINUTE)).toBe(false);
    expect(await cache().put(key, 'made up', 'rubbish', MINUTE)).toBe(false);
    expect(await cache().put(key, await leaseOf(key), 'new', MINUTE)).toBe(true);
    expect(await cache().open(key)).toEqual({ value: 'new' });
  });

  it('gives a lease again once one was given back, or what was put has had its time', async () => {
    const key = someKey();

    expect(await cache().put(key, await leaseOf(key), null, MINUTE)).toBe(true);
    expect(await cache().put(key, await leaseOf(key), 'brief', 50)).toBe(true);
    await eventually(() => leaseOf(key));
  });

  it('forgets what is dropped', async () => {
    const key = someKey();
    await cache().put(key, await leaseOf(key), 'there', MINUTE);
    await cache().drop(key);

    expect(await cache().open(key)).not.toHaveProperty('value');
  });

  it('spares the store: a second read is a copy', async () => {
    const stored = new Stored();
    const reader = aside();

    expect([await reader.read(stored.source), await reader.read(stored.source)]).toEqual(['first', 'first']);
    expect(stored.loads).toBe(1);
  });

  it('asks the store once for a thousand who come at once and find nothing', async () => {
    const stored = new Stored();
    stored.held = setTimeout(20);
    const reader = aside();

    expect(new Set(await times(1_000, () => reader.read(stored.source)))).toEqual(new Set(['first']));
    expect(stored.loads).toBe(1);
  });

  it('remembers nothing of what there is not', async () => {
    const stored = new Stored(null);
    const reader = aside();

    expect(await reader.read(stored.source)).toBeNull();
    stored.value = 'now it is there';
    expect(await reader.read(stored.source)).toBe('now it is there');
  });

  it('never puts back what was read before a change', async () => {
    const stored = new Stored('old');
    const release = new Signal();
    stored.held = release.given;
    const reader = aside();
    const slow = reader.read(stored.source);
    await eventually(() => stored.loads === 1);
    stored.value = 'new';
    await reader.drop(stored.key, MINUTE);
    stored.held = Promise.resolve();
    const after = reader.read(stored.source);
    release.give();

    expect(await slow).toBe('old');
    expect([await after, await reader.read(stored.source)]).toEqual(['new', 'new']);
  });

  it('shares no load that began before the reader asked', async () => {
    const stored = new Stored('old');
    const release = new Signal();
    stored.held = release.given;
    const reader = aside();
    const before = reader.read(stored.source);
    await eventually(() => stored.loads === 1);
    stored.value = 'new';
    await cache().drop(stored.key);
    const readers = times(100, () => reader.read(stored.source));
    release.give();

    expect(await before).toBe('old');
    expect(new Set(await readers)).toEqual(new Set(['new']));
    expect(stored.loads).toBe(2);
  });

  it('passes on what the store throws, to each, and tries anew for the next', async () => {
    const stored = new Stored();
    stored.held = Promise.reject(new Error('The store is away'));
    stored.held.catch(() => undefined);
    const reader = aside();
    await expect(reader.read(stored.source)).rejects.toThrow('The store is away');
    stored.held = Promise.resolve();

    expect(await reader.read(stored.source)).toBe('first');
  });

  it('takes no copy that another version of the code has written', async () => {
    const stored = new Stored();
    const reader = aside();
    await reader.read(stored.source);

    expect(await reader.read({ ...stored.source, read: () => null })).toBe('first');
    expect(stored.loads).toBe(2);
  });
}

describe('the cache in memory', () => {
  const cache = new MemoryCache(MINUTE);
  promises(() => cache);

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
  promises(() => cache);

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
  it.each(['stopped', 'paused'])(
    'which is %s, the store answers, and what was dropped meanwhile is gone',
    async (how) => {
      const server = await ownRedis();
      const settings = settingsFor(server.url);
      const timings = new Timings({ cache_wait_ms: 300, cache_pause_ms: 50, probe_ms: 1_000 });
      const clients = new RedisClients(settings, timings);
      await clients.onModuleInit();
      const cache = new RedisCache(clients, new Keyring(settings));
      const [here, there] = [new CacheAside(cache, timings), new CacheAside(cache, timings)];
      const stored = new Stored('old');
      await eventually(async () => (await here.read(stored.source)) === 'old' && stored.loads > 0);
      await eventually(async () => 'value' in (await cache.open(stored.key)));

      process.kill(server.pid, how === 'paused' ? 'SIGSTOP' : 'SIGCONT');
      if (how === 'stopped') clients.cache.disconnect();
      stored.value = 'new';
      const begun = performance.now();
      await here.drop(stored.key, MINUTE);
      const reads = [];
      for (let count = 0; count < 20; count++) reads.push(await here.read(stored.source));
      const took = performance.now() - begun;
      process.kill(server.pid, 'SIGCONT');
      if (how === 'stopped') await clients.cache.connect();

      expect(new Set(reads)).toEqual(new Set(['new']));
      // One wait for the drop, and what the pauses between waits leave room for.
      expect(took).toBeLessThan(5_000);
      await eventually(async () => (await there.read(stored.source)) === 'new');
      for (const reader of [here, there]) reader.onApplicationShutdown();
      await clients.onApplicationShutdown();
      await server.stop();
    },
  );
});
