/** So far a wait differs from what is written down, in either direction: a crowd that failed together does not come back together. */
const JITTER = 0.1;

/**
 * How long to wait after so many attempts that failed.
 * @param waits_ms - after the first, the second, and so on.
 * @param random - 0 to 1.
 * @returns null when that was the last one.
 */
export function waitAfter(
  attempts: number,
  waits_ms: readonly number[],
  random: number = Math.random(),
): number | null {
  const wait_ms = waits_ms[attempts - 1];
  return wait_ms === undefined ? null : Math.round(wait_ms * (1 - JITTER + 2 * JITTER * random));
}
