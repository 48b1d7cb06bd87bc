import { grainOf, LimiterStorage, type Check, type Tally } from './limiter-storage.js';

/** Times and numbers of hits by turns, oldest first: flat, since there are many of these. */
type Grains = number[];

/** A subject is remembered until so many others have come after it, and never longer than twice as many. */
const GENERATION = 50_000;

/** Counts for this process alone, in bounded memory: who has not been here for a generation is forgotten with it. */
export class MemoryLimiterStorage extends LimiterStorage {
  private young = new Map<string, Grains>();
  private old = new Map<string, Grains>();

  /** @param clock - milliseconds since whenever, never going back. */
  constructor(private readonly clock: () => number = () => performance.now()) {
    super();
  }

  take(checks: readonly Check[]): Promise<Tally[]> {
    const now = this.clock();
    const windows = checks.map((check) => ({ check, grains: this.recent(check, now) }));
    const refused = windows.some(({ check, grains }) => total(grains) >= check.limit);
    const tallies = windows.map(({ check, grains }) => {
      const full = total(grains) >= check.limit;
      if (!refused) add(grains, check.limit, now);
      if (grains.length > 0) this.keep(check, grains);
      return { hits: total(grains), full, reset_ms: resetOf(grains, check, now) };
    });
    return Promise.resolve(tallies);
  }

  private recent(check: Check, now: number): Grains {
    const key = keyOf(check);
    const grains = this.young.get(key) ?? this.old.get(key) ?? [];
    const begin = now - check.window_ms;
    let gone = 0;
    while (gone < grains.length && grains[gone] <= begin) gone += 2;
    return gone === 0 ? grains : grains.slice(gone);
  }

  private keep(check: Check, grains: Grains): void {
    this.young.set(keyOf(check), grains);
    if (this.young.size < GENERATION) return;
    this.old = this.young;
    this.young = new Map();
  }
}

const keyOf = ({ policy, subject }: Check): string => `${policy}:${subject}`;

function total(grains: Grains): number {
  let hits = 0;
  for (let at = 1; at < grains.length; at += 2) hits += grains[at];
  return hits;
}

function add(grains: Grains, limit: number, now: number): void {
  const last = grains.length - 1;
  if (grains.length === 0 || grains[last] >= grainOf(limit)) grains.push(now, 1);
  else grains[last] += 1;
}

/** When enough of the oldest have left for one more. */
function resetOf(grains: Grains, { limit, window_ms }: Check, now: number): number {
  let left = total(grains);
  for (let at = 0; at < grains.length; at += 2) {
    left -= grains[at + 1];
    if (left < limit) return grains[at] + window_ms - now;
  }
  return window_ms;
}
