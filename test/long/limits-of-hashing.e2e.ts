import { Timings } from '../../src/config/timings.js';
import { insertUsers } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';

const LOGINS = 300;
/** For a machine that has other things to do. */
const PATIENCE_MS = 120_000;

/** Asks for as long as `work` lasts, one question after the other. */
async function during<T>(work: Promise<T>, ask: () => Promise<Answer>): Promise<[T, Answer[]]> {
  let over = false;
  const answers: Answer[] = [];
  const asking = (async () => {
    while (!over) answers.push(await ask());
  })();
  const result = await work.finally(() => (over = true));
  await asking;
  return [result, answers];
}

async function rush(app: TestApp): Promise<[logins: Answer[], health: Answer[]]> {
  const accounts = await insertUsers(
    app,
    Array.from({ length: LOGINS }, () => ({})),
  );
  const logins = accounts.map(({ email, password }) =>
    app.request('POST', '/auth/login', { body: { email, password } }),
  );
  return during(Promise.all(logins), () => app.request('GET', '~/health/live'));
}

describe('300 logins at once (SEC-02)', () => {
  it(
    'are let in or told when to come again, and nothing else, while health answers throughout',
    async () => {
      const { hash_wait_ms } = new Timings();
      const app = await startApp({ timings: { hash_wait_ms } });
      const [logins, health] = await rush(app);

      for (const { status } of logins) expect([200, 503]).toContain(status);
      expect(health.length).toBeGreaterThan(0);
      for (const { status } of health) expect(status).toBe(200);
    },
    PATIENCE_MS,
  );

  it(
    'that would wait too long are refused with overloaded and Retry-After, and leave nothing behind',
    async () => {
      const app = await startApp({ database: 'own', timings: { hash_wait_ms: 20, pool_wait_ms: 60_000 } });
      const [logins, health] = await rush(app);
      const inside = logins.filter(({ status }) => status === 200);
      const refused = logins.filter(({ status }) => status === 503);

      expect(inside.length).toBeGreaterThan(0);
      expect(refused.length).toBeGreaterThan(0);
      expect(inside.length + refused.length).toBe(LOGINS);
      for (const { body, headers } of refused) {
        expect(body).toMatchObject({ type: 'urn:omni:problem:overloaded', status: 503, code: 'overloaded' });
        expect(headers.get('retry-after')).toMatch(/^[1-9]\d?$/);
      }
      for (const { status } of health) expect(status).toBe(200);
      expect(await app.sql('SELECT 1 FROM sessions')).toHaveLength(inside.length);
      await expect(app.admin()).resolves.toBeDefined();
    },
    PATIENCE_MS,
  );
});
