import { Injectable } from '@nestjs/common';
import { hashOfToken } from '../../common/one-time-token.js';
import { Timings } from '../../config/timings.js';
import { NamesClient } from '../../limits/request-limits.js';
import { bearerToken } from '../tokens.js';
import { looksLikeKey } from './key-text.js';

/** When more keys than this are in use within a minute, those that were seen the longest ago count for their address again. */
const MOST_KNOWN = 10_000;

/**
 * Which API keys were valid a moment ago: whoever counts requests must not ask the database whose they are. It knows hashes
 * alone, and decides nothing but what a request is counted under.
 */
@Injectable()
export class SeenKeys {
  private readonly known = new Map<string, { readonly id: string; readonly until: number }>();

  constructor(private readonly timings: Timings) {}

  remember(key_hash: Buffer, id: string): void {
    const name = key_hash.toString('base64');
    // The map's order is that of the last sight.
    this.known.delete(name);
    this.known.set(name, { id, until: performance.now() + this.timings.key_seen_ms });
    const [oldest] = this.known.keys();
    if (this.known.size > MOST_KNOWN && oldest !== undefined) this.known.delete(oldest);
  }

  forget(key_hash: Buffer): void {
    this.known.delete(key_hash.toString('base64'));
  }

  /** @returns the key's own id, if it was valid a moment ago. */
  @NamesClient({})
  findKey(authorization: string): Promise<string | null> {
    const key = bearerToken(authorization);
    const seen = key !== null && looksLikeKey(key) ? this.known.get(hashOfToken(key).toString('base64')) : undefined;
    return Promise.resolve(seen && seen.until > performance.now() ? seen.id : null);
  }
}
