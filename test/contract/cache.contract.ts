import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Cache } from '../../src/cache/cache.js';
import { CacheAside, type Cacheable } from '../../src/cache/cache-aside.js';
import { Timings } from '../../src/config/timings.js';
import { eventually } from '../support/eventually.js';
import { Signal } from '../support/signal.js';
import { times } from '../support/visitors.js';

export const MINUTE = 60_000;
/** On a machine that is busy an answer is late, which is no reason to do without. */
export const PATIENT = new Timings({ cache_wait_ms: 15_000, probe_ms: 15_000 });

const someKey = (): string => `t:tenant:user:${randomUUID()}`;

/** Something in a store that counts how often it is asked. */
export class Stored {
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
export function cacheContract(cache: () => Cache): void {
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

  it('keeps nothing of what is held until its holder drops it, whoever else changes it meanwhile', async () => {
    const key = someKey();
    await cache().put(key, await leaseOf(key), 'old', MINUTE);
    const lost = await cache().hold(key);
    const hold = await cache().hold(key);

    expect(await cache().open(key)).toEqual({ lease: null });
    await cache().drop(key, lost);
    await cache().drop(key);
    expect(await cache().open(key)).toEqual({ lease: null });
    await cache().drop(key, hold);
    expect(await cache().put(key, await leaseOf(key), 'new', MINUTE)).toBe(true);
  });

  it('takes nothing from whoever had a lease before it was held', async () => {
    const key = someKey();
    const lease = await leaseOf(key);
    await cache().hold(key);

    expect(await cache().put(key, lease, 'old', MINUTE)).toBe(false);
    expect(await cache().open(key)).toEqual({ lease: null });
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
