import { startApp, type TestApp } from './app.js';
import type { Answer, Client } from './client.js';
import { describeWithRedis } from './engines.js';
import { Wire } from './wire.js';

type Two = [here: TestApp, there: TestApp];

async function withoutRedis(): Promise<Two> {
  const { settings } = await startApp();
  const wire = await Wire.to(settings.REDIS_URL!);
  const lost = { settings: { REDIS_URL: wire.url, REDIS_CACHE_URL: wire.url } };
  const replicas: Two = [await startApp(lost), await startApp(lost)];
  await wire.cut();
  return replicas;
}

/**
 * On a machine that is busy Redis is late, which is no reason to do without: a copy that it could not be told in time to
 * drop is shown by the other replica for a moment.
 */
const PATIENT = { timings: { cache_wait_ms: 15_000, probe_ms: 15_000 } };

/** The same tests for two replicas, and for two that have lost Redis. */
export function describeReplicas(tests: (start: () => Promise<Two>) => void): void {
  describe('with two replicas', () => tests(() => Promise.all([startApp(PATIENT), startApp(PATIENT)])));
  describeWithRedis('with two replicas that have lost Redis', () => tests(withoutRedis));
}

/** What the platform admin does to somebody on one of them. */
export const byAdmin =
  (method: string, body?: object) =>
  async (here: TestApp, { user }: Pick<Client, 'user'>): Promise<Answer> =>
    (await here.admin()).request(method, `/users/${user.id}`, { body });
