import { setTimeout } from 'node:timers/promises';

/**
 * Waits for what happens behind the answers: asks again until `check` neither throws nor says false.
 * @param within - milliseconds, for a machine that is busy; then the last error is thrown.
 */
export async function eventually<T>(check: () => T | Promise<T>, { within = 30_000 } = {}): Promise<Exclude<T, false>> {
  const deadline = Date.now() + within;
  for (let pause = 5; ; pause = Math.min(pause * 2, 50)) {
    try {
      const result = await check();
      if (result !== false) return result as Exclude<T, false>;
      throw new Error(`Not so within ${within} ms: ${check.toString()}`);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await setTimeout(pause);
  }
}
