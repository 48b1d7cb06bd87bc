import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { Cache, HOLD_MS, LEASE_MS, type Opened } from './cache.js';

const ENTRIES = 10_000;

type Entry = { readonly value: string } | { readonly lease: string } | { readonly hold: string };

/**
 * Keeps copies for this process alone. Nobody tells it what other processes change: therefore nothing stays for longer
 * than `longest_ms`, whatever it was put for.
 */
export class MemoryCache extends Cache {
  private readonly entries = new LRUCache<string, Entry>({ max: ENTRIES });

  constructor(private readonly longest_ms: number) {
    super();
  }

  async open(key: string): Promise<Opened> {
    const entry = this.entries.get(key);
    if (entry) return 'value' in entry ? entry : { lease: null };
    const opened = { lease: randomUUID() };
    this.entries.set(key, opened, { ttl: LEASE_MS });
    return opened;
  }

  async put(key: string, lease: string, value: string | null, ttl_ms: number): Promise<boolean> {
    const entry = this.entries.get(key);
    if (!entry || !('lease' in entry) || entry.lease !== lease) return false;
    if (value === null) this.entries.delete(key);
    else this.entries.set(key, { value }, { ttl: Math.min(ttl_ms, this.longest_ms) });
    return true;
  }

  async hold(key: string): Promise<string> {
    const hold = randomUUID();
    this.entries.set(key, { hold }, { ttl: HOLD_MS });
    return hold;
  }

  async drop(key: string, hold?: string): Promise<void> {
    const entry = this.entries.get(key);
    if (entry && (!('hold' in entry) || entry.hold === hold)) this.entries.delete(key);
  }
}
