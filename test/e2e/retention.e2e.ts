import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { Retention } from '../../src/database/retention/retention.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';

let api: TestApp;
beforeAll(async () => (api = await startApp({ settings: { PROCESS_ROLE: 'api' } })));

/** More than go by one statement. */
const MANY = 1_200;

/** Sessions of somebody, the first of which ended an hour ago. */
const insertSessions = (count: number, user_id: string): Promise<unknown> =>
  api.sql(
    `INSERT INTO sessions (id, tenant_id, user_id, role, auth_time, ip, created_at, expires_at)
     SELECT gen_random_uuid(), $3, $2, 'user', now(), '127.0.0.0/24', now() - interval '2 days', now() - interval '1 hour'
     FROM generate_series(1, $1)`,
    [count, user_id, DEFAULT_TENANT_ID],
  );

const sessions = async (): Promise<number> => (await api.sql('SELECT count(*)::int FROM sessions'))[0].count;

describe('what has had its time', () => {
  it('is deleted by whoever works, a batch at a time, and what has not stays', async () => {
    const ada = await api.signUp();
    await insertSessions(MANY, ada.user.id);
    const worker = await startApp({ settings: { PROCESS_ROLE: 'worker' } });

    expect(await worker.app.get(Retention).sweep()).toMatchObject({ sessions: MANY });
    expect(await sessions()).toBe(1);
    expect((await ada.get('/users/me')).status).toBe(200);
    await worker.close();
  });

  it('is deleted once by two who work at the same time', async () => {
    const { user } = await api.signUp();
    await insertSessions(MANY, user.id);
    const workers = await Promise.all([1, 2].map(() => startApp({ settings: { PROCESS_ROLE: 'worker' } })));
    const swept = await Promise.all(workers.map((worker) => worker.app.get(Retention).sweep()));

    expect(swept.reduce((sum, { sessions: deleted = 0 }) => sum + deleted, 0)).toBe(MANY);
    await Promise.all(workers.map((worker) => worker.close()));
  });

  it('goes without anybody asking', async () => {
    const { user } = await api.signUp();
    await insertSessions(1, user.id);
    const before = await sessions();
    const worker = await startApp({ settings: { PROCESS_ROLE: 'worker' }, timings: { retention_ms: 20 } });

    await eventually(async () => (await sessions()) === before - 1);
    await worker.close();
  });

  it('is a mail that was sent, after a month: until then it is not sent again', async () => {
    const worker = await startApp({ settings: { PROCESS_ROLE: 'worker' } });
    const account = someAccount();
    await api.send('POST', '/users', { body: account });
    await worker.mail(account.email);
    await eventually(async () => (await api.sql(`SELECT FROM outbox WHERE status <> 'sent'`)).length === 0);
    await worker.app.get(Retention).sweep();
    expect((await api.sql('SELECT FROM outbox')).length).toBeGreaterThan(0);
    await api.sql(`UPDATE outbox SET sent_at = sent_at - interval '31 days'`);
    await worker.app.get(Retention).sweep();

    expect(await api.sql('SELECT FROM outbox')).toEqual([]);
    await worker.close();
  });
});
