import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Check } from '../../src/limits/limiter-storage.js';
import { MemoryLimiterStorage } from '../../src/limits/memory-limiter.js';

const WINDOW = 60_000;
const check = (subject: string, limit: number): Check => ({ policy: 'general', subject, limit, window_ms: WINDOW });

/** The same numbers each time. */
function* random(): Generator<number, never> {
  for (let state = 42; ;) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    yield state / 2 ** 31;
  }
}

/** Most of these times, which are in order, within any window. */
function densest(times: readonly number[]): number {
  let first = 0;
  return Math.max(
    ...times.map((time, index) => {
      while (times[first] <= time - WINDOW) first += 1;
      return index - first + 1;
    }),
  );
}

describe('the window in memory', () => {
  let now = 0;
  let storage: MemoryLimiterStorage;
  beforeEach(() => {
    now = 1_000_000;
    storage = new MemoryLimiterStorage(() => now);
  });

  const passes = async (limit: number): Promise<boolean> => !(await storage.take([check('ada', limit)]))[0].full;

  it('begins with the first request and ends exactly a window later', async () => {
    for (let hit = 0; hit < 60; hit++) expect(await passes(60)).toBe(true);

    now += WINDOW - 1;
    expect(await passes(60)).toBe(false);
    now += 1;
    for (let hit = 0; hit < 60; hit++) expect(await passes(60)).toBe(true);
    expect(await passes(60)).toBe(false);
  });

  it('does not open a second time at its edge (RL3)', async () => {
    await passes(60);
    now += WINDOW - 100;
    for (let hit = 0; hit < 59; hit++) expect(await passes(60)).toBe(true);

    now += 200;
    let passed = 0;
    for (let hit = 0; hit < 60; hit++) if (await passes(60)) passed += 1;
    expect(passed).toBeLessThanOrEqual(6);
  });

  it.each([1, 5, 10, 60, 600])(
    'lets at most 1.1 times %i through in any window, however they come (RL3)',
    async (limit) => {
      const numbers = random();
      const through: number[] = [];
      for (let burst = 0; burst < 200; burst++) {
        now += Math.floor(numbers.next().value ** 4 * WINDOW);
        const hits = Math.ceil(numbers.next().value * limit);
        for (let hit = 0; hit < hits; hit++) if (await passes(limit)) through.push(now);
      }

      expect(densest(through)).toBeGreaterThanOrEqual(limit);
      expect(densest(through)).toBeLessThanOrEqual(1.1 * limit);
    },
  );

  it('says when there is room again, and a try earlier than that does not put it off', async () => {
    for (let hit = 0; hit < 3; hit++) await passes(3);
    now += 20_000;
    await passes(3);
    const [{ full, reset_ms }] = await storage.take([check('ada', 3)]);

    expect({ full, reset_ms }).toEqual({ full: true, reset_ms: 40_000 });
    now += reset_ms;
    expect(await passes(3)).toBe(true);
  });
});

describe('memory', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const used = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };

  it('is bounded: a million subjects take less than 50 MB (RL8)', async () => {
    const storage = new MemoryLimiterStorage();
    const before = used();
    for (let thousand = 0; thousand < 1_000; thousand++) {
      await storage.take(Array.from({ length: 1_000 }, (_, one) => check(`digest-${thousand * 1_000 + one}`, 60)));
    }

    expect(used() - before).toBeLessThan(50 * 1024 * 1024);
    expect((await storage.take([check('digest-999999', 60)]))[0].hits).toBe(2);
    expect((await storage.take([check('digest-0', 60)]))[0].hits).toBe(1);
  });
});
