import { Injectable } from '@nestjs/common';
import type { RedisClient } from './connect.js';
import { grainOf, LimiterStorage, type Check, type Tally } from '../limits/limiter-storage.js';
import { limitKey } from './keys.js';
import { RedisClients } from './redis-clients.js';

/**
 * For each key three arguments: limit, hits in a grain, window in milliseconds. A key holds grains, oldest first, each the
 * time of its first hit and their number; it is gone a window after the last. The time is the server's: ours differ.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local windows, refused = {}, false
for i, key in ipairs(KEYS) do
  local limit, grain, span = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local window = { key = key, limit = limit, grain = grain, span = span, hits = 0, grains = {} }
  local kept = redis.call('GET', key)
  for _, entry in ipairs(kept and cmsgpack.unpack(kept) or {}) do
    if entry[1] > now - span then
      table.insert(window.grains, entry)
      window.hits = window.hits + entry[2]
    end
  end
  window.full = window.hits >= limit
  refused = refused or window.full
  windows[i] = window
end
local tallies = {}
for i, window in ipairs(windows) do
  if not refused then
    local last = window.grains[#window.grains]
    if last and last[2] < window.grain then last[2] = last[2] + 1 else table.insert(window.grains, { now, 1 }) end
    window.hits = window.hits + 1
    redis.call('SET', window.key, cmsgpack.pack(window.grains), 'PX', window.span)
  end
  local reset, left = window.span, window.hits
  for _, entry in ipairs(window.grains) do
    left = left - entry[2]
    if left < window.limit then
      reset = entry[1] + window.span - now
      break
    end
  end
  tallies[i] = { window.hits, window.full and 1 or 0, math.ceil(reset) }
end
return tallies
`;

type Counting = RedisClient & {
  takeHits(
    keys: number,
    ...keysAndArguments: (string | number)[]
  ): Promise<[hits: number, full: 0 | 1, reset_ms: number][]>;
};

/** Counts for all processes together: one call, which runs alone, for all checks of a request. */
@Injectable()
export class RedisLimiterStorage extends LimiterStorage {
  private readonly client: Counting;

  constructor({ cache }: RedisClients) {
    super();
    cache.defineCommand('takeHits', { lua: TAKE });
    this.client = cache as Counting;
  }

  async take(checks: readonly Check[]): Promise<Tally[]> {
    const keys = checks.map(({ policy, subject }) => limitKey(policy, subject));
    const rates = checks.flatMap(({ limit, window_ms }) => [limit, grainOf(limit), window_ms]);
    const tallies = await this.client.takeHits(keys.length, ...keys, ...rates);
    return tallies.map(([hits, full, reset_ms]) => ({ hits, full: full === 1, reset_ms }));
  }
}
