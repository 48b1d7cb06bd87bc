import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { RedisClient } from './connect.js';
import { Cache, HOLD_MS, LEASE_MS, type Opened } from '../cache/cache.js';
import { Keyring, UnsealableError } from '../common/keyring.js';
import { RedisClients } from './redis-clients.js';

const PURPOSE = 'cache';
const LEASE = 'lease:';
/** A lease that nobody puts by. */
const HOLD = 'lease:hold:';

const OPEN = `
local held = redis.call('GET', KEYS[1])
if not held then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return held
`;

/** An empty value gives the lease back. */
const PUT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
`;

/** Another's hold stays. */
const DROP = `
local held = redis.call('GET', KEYS[1])
if held and (held == ARGV[1] or string.sub(held, 1, ${HOLD.length}) ~= '${HOLD}') then redis.call('DEL', KEYS[1]) end
return 0
`;

type Caching = RedisClient & {
  openCopy(key: string, lease: string, ttl_ms: number): Promise<string | null>;
  putCopy(key: string, lease: string, value: string, ttl_ms: number): Promise<0 | 1>;
  dropCopy(key: string, hold: string): Promise<0>;
};

/** Keeps copies for all processes together, each sealed to its key: whoever reads Redis reads nothing of them. */
@Injectable()
export class RedisCache extends Cache {
  private readonly client: Caching;

  constructor(
    { cache }: RedisClients,
    private readonly keyring: Keyring,
  ) {
    super();
    cache.defineCommand('openCopy', { lua: OPEN, numberOfKeys: 1 });
    cache.defineCommand('putCopy', { lua: PUT, numberOfKeys: 1 });
    cache.defineCommand('dropCopy', { lua: DROP, numberOfKeys: 1 });
    this.client = cache as Caching;
  }

  async open(key: string): Promise<Opened> {
    const lease = LEASE + randomUUID();
    const held = await this.client.openCopy(key, lease, LEASE_MS);
    if (held === null) return { lease };
    const value = held.startsWith(LEASE) ? null : this.unseal(key, held);
    return value === null ? { lease: null } : { value };
  }

  async put(key: string, lease: string, value: string | null, ttl_ms: number): Promise<boolean> {
    return (await this.client.putCopy(key, lease, value === null ? '' : this.seal(key, value), ttl_ms)) === 1;
  }

  async hold(key: string): Promise<string> {
    const hold = HOLD + randomUUID();
    await this.client.set(key, hold, 'PX', HOLD_MS);
    return hold;
  }

  async drop(key: string, hold = ''): Promise<void> {
    await this.client.dropCopy(key, hold);
  }

  private seal(key: string, value: string): string {
    const { key_id, sealed } = this.keyring.seal(PURPOSE, value, key);
    return `${key_id}:${sealed.toString('base64')}`;
  }

  /** @returns null where no key of ours opens it: it is another installation's, or of a key that has left the ring. */
  private unseal(key: string, held: string): string | null {
    const [key_id = '', sealed = ''] = held.split(':');
    try {
      return this.keyring.open(PURPOSE, key_id, Buffer.from(sealed, 'base64'), key).toString();
    } catch (error) {
      if (error instanceof UnsealableError) return null;
      throw error;
    }
  }
}
