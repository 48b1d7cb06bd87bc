import { backoff } from '../../src/common/backoff.js';

const SECOND = 1_000;
const waits = (random: number) =>
  [1, 2, 3, 4, 5, 6, 7, 8, 20, 5_000].map((attempts) => backoff(attempts, 5 * SECOND, 300 * SECOND, random) / SECOND);

describe('backoff', () => {
  it('doubles from 5 s to 5 min, however often it fails', () => {
    expect(waits(1)).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300, 300]);
  });

  it('is never shorter than half of that', () => {
    expect(waits(0)).toEqual(waits(1).map((wait) => wait / 2));
  });

  it('spreads those that failed together', () => {
    const spread = new Set(Array.from({ length: 50 }, () => backoff(3, 5 * SECOND, 300 * SECOND)));

    expect(spread.size).toBeGreaterThan(25);
  });
});
