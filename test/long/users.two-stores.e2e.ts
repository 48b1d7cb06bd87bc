import { Database } from '../../src/database/database.js';
import { UserWrites } from '../../src/users/mongo/user-writes.js';
import { UsersRepository } from '../../src/users/users.repository.js';
import { insertUsers, member, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { lockWaits } from '../support/connections.js';
import { describeWithMongo, TestDatabase } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { Wire } from '../support/wire.js';
import { RARELY, dies, doomed, inMongo, logIn, pending, start } from '../support/two-stores.js';

/** Each starts a process or two. */
jest.setTimeout(240_000);

/** Where a process dies: when the write is put down, struck out, and made; each time before its transaction is committed. */
const POINTS = ['user.begun', 'user.struck-out', 'user.written'] as const;

const LATER = POINTS.slice(1);

/** Everything in PostgreSQL that a sign-up leaves. */
const traces = (app: TestApp): Promise<number[]> =>
  Promise.all(
    [
      `SELECT 1 FROM audit_events WHERE action = 'user_created'`,
      `SELECT 1 FROM outbox`,
      `SELECT 1 FROM sessions`,
      `SELECT 1 FROM user_writes`,
    ].map(async (sql) => (await app.sql(sql)).length),
  );

describeWithMongo('a process that dies between the two stores', () => {
  let app: TestApp;
  let ada: Client;
  let admin: Client;
  beforeAll(async () => {
    app = await start();
    [ada, admin] = [await app.signUp(), await app.admin()];
  });

  it.each(POINTS)('at %s of a sign-up leaves no account, no trail and no mail, and the address free', async (point) => {
    const before = await traces(app);
    const account = someAccount();
    await dies(point, (send) => send('POST', '/users', { body: account }));

    expect((await logIn(app, account)).status).toBe(401);
    const [created, mails, sessions, writes] = await traces(app);
    expect([created, mails, sessions, writes]).toEqual([before[0], before[1], before[2], 0]);
    expect((await app.send('POST', '/users', { body: account })).status).toBe(201);
    expect((await app.mail(account.email)).subject).toMatch(/welcome/i);
  });

  it.each(LATER)('at %s of a change gives no rights, in neither store', async (point) => {
    const { id } = ada.user;
    await dies(point, (send) => send('PATCH', `/users/${id}`, { body: { role: 'admin' }, token: admin.token }));

    expect((await admin.get(`/users/${id}`)).body).toMatchObject({ role: 'user' });
    expect((await ada.get('/users')).status).toBe(403);
    expect(await app.sql('SELECT role FROM sessions WHERE user_id = $1', [id])).toEqual(
      expect.arrayContaining([{ role: 'user' }]),
    );
    expect((await (await app.logIn(ada)).get('/users')).status).toBe(403);
    expect(await pending(app)).toEqual([]);
  });

  it.each(LATER.slice(1))('at %s of a change of password leaves the old one, and what it has opened', async (point) => {
    const body = { current_password: ada.password, new_password: 'another good long passphrase' };
    await dies(point, (send) => send('POST', '/auth/password/change', { body, token: ada.token }));

    expect((await logIn(app, { email: ada.email, password: body.new_password })).status).toBe(401);
    await app.logIn(ada);
    expect((await ada.get('/users/me')).status).toBe(200);
  });

  it.each(LATER)('at %s of a deletion loses nobody', async (point) => {
    const { id } = ada.user;
    await dies(point, (send) => send('DELETE', `/users/${id}`, { token: admin.token }));

    expect((await ada.get('/users/me')).body).toMatchObject({ id, email: ada.email });
    await app.logIn(ada);
    expect(await pending(app)).toEqual([]);
  });

  it('at user.written of a change that leaves the address alone shows nothing of it to a login', async () => {
    const eve = await app.signUp();
    await dies('user.written', (send) =>
      send('PATCH', `/users/${eve.user.id}`, { body: { role: 'admin' }, token: admin.token }),
    );
    const [users, database] = [app.app.get(UsersRepository), app.app.get(Database)];

    expect(await database.asSystem(() => users.findCredentials(eve.email))).toMatchObject({ role: 'user' });
    expect(await pending(app)).toEqual([]);
  });

  it('is put right by a round that looks now and then, where nobody asks', async () => {
    const account = someAccount();
    await dies('user.written', (send) => send('POST', '/users', { body: account }));
    expect(await pending(app)).toHaveLength(1);
    const worker = await start({ user_writes_ms: 50 });

    await eventually(async () => (await pending(app)).length === 0);
    await worker.close();
  });

  it('while it puts things right leaves it to the next one, and many may do it at once', async () => {
    await dies('user.written', (send) =>
      send('PATCH', `/users/${ada.user.id}`, { body: { full_name: 'Eve' }, token: admin.token }),
    );
    // It looks who is in charge as soon as it starts.
    await expect(doomed('user.undone')).rejects.toThrow('ended before it was ready');
    expect(await pending(app)).toHaveLength(1);
    const writes = app.app.get(UserWrites, { strict: false });
    await Promise.all(Array.from({ length: 10 }, () => writes.settle()));

    expect(await pending(app)).toEqual([]);
    expect((await ada.get('/users/me')).body.full_name).toBe(ada.user.full_name);
    expect((await ada.patch('/users/me', { full_name: 'Ada King' })).status).toBe(200);
  });
});

describeWithMongo('a process that sleeps between the two stores while its transaction is ended', () => {
  it.each([
    ['a sign-up', 'user.struck-out'],
    ['a change', 'user.struck-out'],
    ['a deletion', 'user.struck-out'],
  ])('and wakes in the middle of %s writes nothing any more', async (what, stop_at) => {
    const app = await start();
    const [ada, admin] = [await app.signUp(), await app.admin()];
    const account = someAccount();
    const zombie = await startProcess({
      stop_at,
      settings: { ...(await inMongo()), PROCESS_ROLE: 'api' },
      timings: RARELY,
    });
    const path = `/users/${ada.user.id}`;
    const answered = {
      'a sign-up': () => zombie.send('POST', '/users', { body: account }),
      'a change': () => zombie.send('PATCH', path, { body: { full_name: 'Eve' }, token: admin.token }),
      'a deletion': () => zombie.send('DELETE', path, { token: admin.token }),
    }[what]!();
    await zombie.stopped;
    await app.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND state = 'idle in transaction'`,
    );
    await eventually(async () => {
      await app.app.get(UserWrites, { strict: false }).settle();
      return (await pending(app)).length === 0;
    });
    zombie.wake();

    expect((await answered).status).toBe(503);
    expect((await logIn(app, account)).status).toBe(401);
    expect((await ada.get('/users/me')).body).toMatchObject({ full_name: ada.user.full_name });
    expect((await ada.patch('/users/me', { full_name: 'Ada King' })).status).toBe(200);
    await zombie.kill();
    await app.close();
  });
});

describeWithMongo('a promotion from another tenant that is never committed', () => {
  it('lets the last admin go as little as none: who leaves waits for it, and stays', async () => {
    const app = await start();
    const platform = await app.admin();
    const tenant_id = await newTenant(app);
    const last = await member(app, tenant_id, 'admin');
    const [plain] = await insertUsers(app, [{ tenant_id }]);
    const sleeper = await startProcess({
      stop_at: 'user.written',
      settings: { ...(await inMongo()), PROCESS_ROLE: 'api' },
      timings: RARELY,
    });
    const promoted = sleeper.send('PATCH', `/users/${plain!.id}`, { body: { role: 'admin' }, token: platform.token });
    const failing = Promise.allSettled([promoted]);
    await sleeper.stopped;
    const leaving = last.delete('/users/me');
    await lockWaits(app);
    await sleeper.kill();

    expect((await leaving).body).toMatchObject({ status: 409, code: 'last_admin' });
    expect(await failing).toMatchObject([{ status: 'rejected' }]);
    expect((await last.get('/users')).status).toBe(200);
    expect((await platform.get(`/users/${plain!.id}`)).body).toMatchObject({ role: 'user' });
    await app.close();
  });
});

describeWithMongo('MongoDB that is away', () => {
  it('is 503 for whoever wants users, and the service is degraded; when it is back, so is everything', async () => {
    const database = await TestDatabase.create();
    const wire = await Wire.to(database.mongoUrl!);
    const app = await startApp({ database, settings: { MONGODB_URL: wire.url }, timings: { pool_wait_ms: 3_000 } });
    const ada = await app.signUp();
    await wire.cut();

    const away = await app.send('POST', '/users', { body: someAccount() });
    expect(away).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect((await ada.patch('/users/me', { full_name: 'Eve' })).status).toBe(503);
    expect((await app.request('GET', '~/health/ready')).body).toMatchObject({ status: 'degraded' });
    await wire.mend();

    await eventually(async () => (await app.request('GET', '~/health/ready')).body.status === 'ok');
    await eventually(async () => (await app.sql('SELECT 1 FROM user_writes')).length === 0);
    expect((await ada.get('/users/me')).body).toMatchObject({ full_name: ada.user.full_name });
    expect((await ada.patch('/users/me', { full_name: 'Ada King' })).status).toBe(200);
    await app.close();
    await wire.cut();
  });
});
