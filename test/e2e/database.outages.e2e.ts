import { Database } from '../../src/database/database.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';
import { engines } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { times } from '../support/visitors.js';
import { Wire } from '../support/wire.js';

/** How long a statement may take, and how long a request waits for a connection. */
const TIMINGS = { statement_ms: 1_000, pool_wait_ms: 1_000 };
/** Two seconds on top of a statement's time, and what a machine that is busy takes. */
const WITHIN_MS = 10_000;

const signUp = (app: TestApp, name: string): Promise<Answer> =>
  app.request('POST', '/users', { body: { email: `${name}@example.com`, password: 'Password123', full_name: name } });
const ready = (app: TestApp): Promise<Answer> => app.request('GET', '~/health/ready');

describe('a PostgreSQL that vanishes and tells nobody', () => {
  it('holds no connection for good: whoever asks is told, and is served once it is back', async () => {
    const { settings } = await startApp();
    const wire = await Wire.to(settings.POSTGRES_URL);
    const app = await startApp({ settings: { POSTGRES_URL: wire.url }, timings: TIMINGS });
    // All the connections that there may be.
    await times(20, () =>
      app.request('POST', '/auth/login', { body: { email: 'x@example.com', password: 'Wrong1234' } }),
    );

    // Whatever anybody says from now on.
    wire.swallows = '';
    const began = performance.now();
    const answers = await times(15, (index) => signUp(app, `lost${index}`));
    expect(performance.now() - began).toBeLessThan(WITHIN_MS);
    for (const { status, body } of answers) expect([status, body.code]).toEqual([503, 'unavailable']);

    wire.swallows = null;
    await eventually(async () => expect((await ready(app)).status).toBe(200), {
      within: WITHIN_MS,
    });
    const [{ status }] = [await signUp(app, 'found')];
    expect(status).toBe(201);
    await app.close();
    await wire.cut();
  });
});

// A pooler has fewer connections than an application, and health checks wait for them as everybody does.
(engines().pool ? describe.skip : describe)('all connections at work', () => {
  it('are no reason to send requests away', async () => {
    const app = await startApp({ timings: { probe_ms: 6_000, statement_ms: 60_000, pool_wait_ms: 60_000 } });
    const busy = times(12, () =>
      app.app
        .get(Database)
        .call('SELECT pg_sleep(30)')
        .catch(() => undefined),
    );
    const sleeping = (): Promise<{ pid: number }[]> =>
      app.sql(`SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' AND state = 'active'`);
    await eventually(async () => expect(await sleeping()).toHaveLength(10));

    expect((await ready(app)).status).toBe(200);

    for (let ended = 0; ended < 12;) {
      const found = await sleeping();
      for (const { pid } of found) await app.sql('SELECT pg_cancel_backend($1)', [pid]);
      ended += found.length;
    }
    await busy;
    await app.close();
  });
});
