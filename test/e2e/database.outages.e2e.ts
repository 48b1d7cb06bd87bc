import { escapeIdentifier } from 'pg';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';
import { connected, superUrlOf } from '../support/connections.js';
import { engines } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { PATIENT, times } from '../support/visitors.js';
import { Wire } from '../support/wire.js';

/** How long a statement may take, and how long a request waits for a connection. */
const TIMINGS = { statement_ms: 1_000, pool_wait_ms: 1_000 };
/** Two seconds on top of a statement's time, and what a machine that is busy takes; the kernel takes a quarter of an hour. */
const WITHIN_MS = 20_000;

const signUp = (app: TestApp, name: string): Promise<Answer> =>
  app.request('POST', '/users', { body: { email: `${name}@example.com`, password: 'Password123', full_name: name } });
const ready = (app: TestApp): Promise<Answer> => app.request('GET', '~/health/ready');

const describeWithoutPooler = engines().pool ? describe.skip : describe;

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
    await eventually(async () => expect((await ready(app)).status).toBe(200), { within: WITHIN_MS });
    expect((await signUp(app, 'found')).status).toBe(201);
    await app.close();
    await wire.cut();
  });
});

// Behind a pooler it is the pooler that keeps connections to a server, or lets them go.
describeWithoutPooler('a PostgreSQL that takes nothing any more, as after a failover,', () => {
  it('is told from one that does, and left by every connection that wants to write', async () => {
    const app = await startApp({ database: 'own', timings: PATIENT });
    const [name, role] = [
      new URL(app.settings.POSTGRES_URL).pathname.slice(1),
      decodeURIComponent(new URL(app.settings.POSTGRES_URL).username),
    ].map(escapeIdentifier);
    const asSuperuser = (sql: string): Promise<unknown> =>
      connected(superUrlOf(app.settings.POSTGRES_URL), (client) => client.query(sql));
    expect((await signUp(app, 'before')).status).toBe(201);
    expect((await ready(app)).status).toBe(200);

    await asSuperuser(`ALTER ROLE ${role} IN DATABASE ${name} SET default_transaction_read_only = on`);
    await asSuperuser(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    await eventually(async () => expect((await ready(app)).status).toBe(503));
    await eventually(async () => {
      const { status, body } = await signUp(app, 'meanwhile');
      expect([status, body.code]).toEqual([503, 'unavailable']);
      return app.logs.join().includes('in a read-only transaction');
    });

    // Nobody ends a connection for us.
    await asSuperuser(`ALTER ROLE ${role} IN DATABASE ${name} RESET default_transaction_read_only`);
    await eventually(async () => expect((await signUp(app, 'after')).status).toBe(201));
    await eventually(async () => expect((await ready(app)).status).toBe(200));
    await app.close();
  });
});
