/**
 * How long to wait after so many failed attempts: doubles each time up to `max_ms`. The random half keeps a crowd that
 * failed together from coming back together.
 * @param random - 0 to 1.
 */
export function backoff(attempts: number, base_ms: number, max_ms: number, random: number = Math.random()): number {
  const whole = Math.min(base_ms * 2 ** (attempts - 1), max_ms);
  return Math.round(whole * (0.5 + random / 2));
}
