import { randomUUID } from 'node:crypto';
import type { Check, LimiterStorage } from '../../src/limits/limiter-storage.js';
import { eventually } from '../support/eventually.js';

export const HOUR = 3_600_000;

/** A subject that nobody has counted before. */
export const someCheck = (changes: Partial<Check> = {}): Check => ({
  policy: 'general',
  subject: randomUUID(),
  limit: 5,
  window_ms: HOUR,
  ...changes,
});

/** What every adapter promises. */
export function limiterContract(storage: () => LimiterStorage): void {
  const take = async (check: Check) => (await storage().take([check]))[0];
  const pass = async (check: Check): Promise<boolean> => !(await take(check)).full;
  const spend = async (check: Check, hits = check.limit): Promise<void> => {
    for (let hit = 0; hit < hits; hit++) expect(await pass(check)).toBe(true);
  };

  it('counts up to the limit, then refuses and says for how long', async () => {
    const check = someCheck({ limit: 3 });

    for (const hits of [1, 2, 3]) expect(await take(check)).toMatchObject({ hits, full: false });
    const refused = await take(check);

    expect(refused).toMatchObject({ hits: 3, full: true });
    expect(refused.reset_ms).toBeGreaterThan(HOUR - 60_000);
    expect(refused.reset_ms).toBeLessThanOrEqual(HOUR);
  });

  it('counts every subject and every policy apart', async () => {
    const check = someCheck({ limit: 1 });
    await spend(check);

    expect(await pass({ ...check, subject: randomUUID() })).toBe(true);
    expect(await pass({ ...check, policy: 'flood' })).toBe(true);
    expect(await pass(check)).toBe(false);
  });

  it('counts a hit under all policies or under none', async () => {
    const [wide, narrow] = [someCheck({ limit: 10 }), someCheck({ limit: 1 })];

    expect(await storage().take([wide, narrow])).toMatchObject([
      { hits: 1, full: false },
      { hits: 1, full: false },
    ]);
    expect(await storage().take([wide, narrow])).toMatchObject([
      { hits: 1, full: false },
      { hits: 1, full: true },
    ]);
    expect(await take(wide)).toMatchObject({ hits: 2 });
  });

  it('lets one of a hundred through that race for the last place (RL2)', async () => {
    const check = someCheck({ limit: 60 });
    await spend(check, 59);
    const race = await Promise.all(Array.from({ length: 100 }, () => pass(check)));

    expect(race.filter(Boolean)).toHaveLength(1);
  });

  it.each([1, 7, 40])('lets at most 1.1 times %i through in any window (RL3)', async (limit) => {
    const check = someCheck({ limit, window_ms: 300 });
    const through: { before: number; after: number }[] = [];
    while (through.length < 3 * limit) {
      const before = performance.now();
      if (await pass(check)) through.push({ before, after: performance.now() });
      else await new Promise((resolve) => setImmediate(resolve));
    }

    // All that was asked and answered within so long was counted within no longer; two clocks may be a millisecond apart.
    const within = through.map(({ before }, first) => through.slice(first).filter(({ after }) => after - before < 299));
    expect(Math.max(...within.map(({ length }) => length))).toBeLessThanOrEqual(1.1 * limit);
  });

  it('has room again when it said so, however often it was asked meanwhile', async () => {
    const check = someCheck({ limit: 2, window_ms: 500 });
    await spend(check);
    const asked = performance.now();
    const { reset_ms } = await take(check);

    await eventually(() => pass(check), { within: 10_000 });
    expect(performance.now() - asked).toBeGreaterThan(reset_ms - 2);
  });

  it('is no more generous to what was counted when a limit is lowered', async () => {
    const check = someCheck({ limit: 10 });
    await spend(check);

    expect(await pass({ ...check, limit: 5 })).toBe(false);
  });

  it('takes high limits: what it keeps of a subject does not grow with them', async () => {
    const check = someCheck({ limit: 1_000_000 });
    await spend(check, 200);

    expect(await take(check)).toMatchObject({ hits: 201, full: false });
  });
}
