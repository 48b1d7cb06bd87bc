import type { Hooks } from '../../src/common/hooks.js';
import type { Lifecycle } from '../../src/common/lifecycle.js';
import { Timings } from '../../src/config/timings.js';
import { HealthService } from '../../src/health/health.service.js';

describe('the health of a process', () => {
  it('asks a dependency once, however many ask at once, and again when they come later', async () => {
    let asked = 0;
    const probe = async (): Promise<void> => {
      asked += 1;
      await Promise.resolve();
    };
    const hooks = { find: () => [{ options: { name: 'postgres', critical: true }, handle: probe }] };
    const lifecycle = { state: 'ready' };
    const health = new HealthService(
      hooks as unknown as Hooks,
      lifecycle as Lifecycle,
      new Timings({ probe_ms: 5_000 }),
    );

    const answers = await Promise.all(Array.from({ length: 200 }, () => health.readiness()));
    expect(new Set(answers)).toEqual(new Set(['ok']));
    expect(asked).toBe(1);

    await health.readiness();
    expect(asked).toBe(2);
  });
});
