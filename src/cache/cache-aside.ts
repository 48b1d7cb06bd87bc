import { setTimeout } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Condition } from '../common/condition.js';
import { endsWithin } from '../common/deadline.js';
import { Measures, type Sample } from '../common/measures.js';
import { Timings } from '../config/timings.js';
import { Cache } from './cache.js';

/** Something whose copies may be kept. */
export interface Cacheable<T> {
  readonly key: string;
  readonly ttl_ms: number;
  /** From the store; null where there is none, which is not remembered. */
  readonly load: () => Promise<T | null>;
  readonly write: (value: T) => string;
  /** @returns null where the copy is not what this version of the code writes. */
  readonly read: (copy: string) => T | null;
}

type Outcome = 'hit' | 'miss' | 'unavailable';

class UnansweredError extends Error {
  override readonly name = 'UnansweredError';
}

/** So much a copy's life differs from another's, downwards: what was put together does not end together. */
const JITTER = 0.1;

/**
 * Reads from the cache, else from the store. A cache that is away, slow or empty costs a load and nothing else: it is
 * waited for a moment, and then left in peace for a while. A drop that does not get through is tried until it does.
 *
 * Many who ask this process for one key at once share a load, each one that began after it had asked: nobody is given
 * what was read before a change that was over when it asked. Processes do not wait for each other: what that would save
 * is one look-up by primary key for each of them, and what it would cost is a wait for somebody who may have died.
 */
@Injectable()
export class CacheAside implements OnApplicationShutdown {
  private readonly condition = new Condition(new Logger(CacheAside.name), 'The cache');
  private readonly closing = new AbortController();
  private readonly flights = new Map<string, Promise<unknown>>();
  /** Keys that the cache may still have though they were dropped, and until when. */
  private readonly overdue = new Map<string, number>();
  private readonly outcomes: Record<Outcome, number> = { hit: 0, miss: 0, unavailable: 0 };
  private resumes_at = 0;
  private dropping = false;

  constructor(
    private readonly cache: Cache,
    private readonly timings: Timings,
  ) {}

  /** @throws whatever the store throws; the cache's own failures are nobody's. */
  async read<T>(source: Cacheable<T>): Promise<T | null> {
    const underWay = this.flights.get(source.key);
    if (underWay) await underWay.catch(() => undefined);
    // Whoever has waited beside us, or we, have begun this one since.
    return (this.flights.get(source.key) ?? this.begin(source)) as Promise<T | null>;
  }

  /**
   * Forgets the copy of what is about to change, and has nobody keep another one until that is dropped: should this process
   * die as soon as the change is committed, there is no copy of what was before. A cache that is away keeps nobody from it.
   * @returns what `drop` wants; nothing where the cache has not heard.
   */
  async hold(key: string): Promise<string | undefined> {
    const held = await this.ask(() => this.cache.hold(key));
    return held?.result;
  }

  /**
   * Forgets the copy of what has changed, before anybody is told of the change.
   * @param ttl_ms - how long a copy lives at most: after that there is none, whatever the cache has heard.
   * @param hold - of the one who has changed it.
   */
  async drop(key: string, ttl_ms: number, hold?: string): Promise<void> {
    const until = performance.now() + ttl_ms;
    this.overdue.set(key, until);
    const dropped = await this.tell(() => this.cache.drop(key, hold));
    // Another change may have come since.
    if (dropped && this.overdue.get(key) === until) this.overdue.delete(key);
    else if (!this.dropping) void this.dropOverdue();
  }

  @Measures({ name: 'omni_cache_reads', help: 'Reads by way of the cache since the start', labels: ['outcome'] })
  reads(): Sample[] {
    return Object.entries(this.outcomes).map(([outcome, value]) => ({ value, labels: { outcome } }));
  }

  onApplicationShutdown(): void {
    this.closing.abort();
  }

  private begin<T>(source: Cacheable<T>): Promise<T | null> {
    const flight = this.fly(source).finally(() => this.flights.delete(source.key));
    this.flights.set(source.key, flight);
    return flight;
  }

  private async fly<T>({ key, ttl_ms, load, write, read }: Cacheable<T>): Promise<T | null> {
    const opened = this.overdue.has(key) ? null : await this.ask(() => this.cache.open(key));
    const copy = opened && 'value' in opened.result ? read(opened.result.value) : null;
    this.outcomes[copy !== null ? 'hit' : opened ? 'miss' : 'unavailable'] += 1;
    if (copy !== null) return copy;
    const value = await load();
    const lease = opened && 'lease' in opened.result ? opened.result.lease : null;
    if (lease !== null) {
      const life = ttl_ms * (1 - JITTER * Math.random());
      await this.ask(() => this.cache.put(key, lease, value && write(value), Math.ceil(life)));
    }
    return value;
  }

  /** @returns null where the cache does not answer in time, or has not done so lately. */
  private async ask<T>(question: () => Promise<T>): Promise<{ readonly result: T } | null> {
    return performance.now() < this.resumes_at ? null : this.tell(question);
  }

  /** Though it has been slow: others may read there what is not so any more. @returns null where it does not answer in time. */
  private async tell<T>(question: () => Promise<T>): Promise<{ readonly result: T } | null> {
    try {
      const answer = question();
      if (!(await endsWithin(this.timings.cache_wait_ms, answer))) throw new UnansweredError();
      const result = await answer;
      this.condition.works();
      return { result };
    } catch (error) {
      this.condition.fails(error);
      this.resumes_at = performance.now() + this.timings.cache_pause_ms;
      return null;
    }
  }

  private async dropOverdue(): Promise<void> {
    const { signal } = this.closing;
    this.dropping = true;
    while (this.overdue.size > 0 && !signal.aborted) {
      await setTimeout(this.timings.cache_pause_ms, undefined, { signal, ref: false }).catch(() => undefined);
      for (const [key, until] of this.overdue) {
        const gone = until < performance.now() || (await this.tell(() => this.cache.drop(key)));
        if (!gone) break;
        if (this.overdue.get(key) === until) this.overdue.delete(key);
      }
    }
    this.dropping = false;
  }
}
