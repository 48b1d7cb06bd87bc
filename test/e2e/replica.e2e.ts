import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { Database } from '../../src/database/database.js';
import { UsersRepository } from '../../src/users/users.repository.js';
import { newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { connected } from '../support/connections.js';
import { describeWithUsersTable, TestDatabase } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { mistakes } from '../support/mistakes.js';
import { Wire } from '../support/wire.js';

/** A database that holds other people than the primary does: who is seen tells who was asked. */
let copy: TestDatabase;
let wire: Wire;
let app: TestApp;
let admin: Client;

const person = (database: TestDatabase, tenant_id: string, email: string): Promise<unknown> =>
  database.query(
    'superuser',
    `INSERT INTO users (id, tenant_id, email, full_name, password_hash) VALUES ($1, $2, $3, 'Somebody', 'none')`,
    [uuidv7(), tenant_id, email],
  );
const tenantIn = (database: TestDatabase, id: string): Promise<unknown> =>
  database.query('superuser', 'INSERT INTO tenants (id, name) VALUES ($1, $2)', [id, `Tenant ${id}`]);

beforeAll(async () => {
  copy = await TestDatabase.create();
  wire = await Wire.to(copy.url('app'));
  app = await startApp({
    settings: { POSTGRES_REPLICA_URL: wire.url },
    // On a machine that is busy a replica is slow, which is no reason to do without.
    timings: { replica_wait_ms: 15_000, replica_pause_ms: 100, pool_wait_ms: 15_000 },
  });
  admin = await app.admin();
  await person(copy, DEFAULT_TENANT_ID, 'copied@example.com');
});
afterAll(() => wire.cut());

const addresses = async (path = '/users', of = admin): Promise<string[]> =>
  succeed(await of.get(path)).data.map(({ email }: { email: string }) => email);

const FROM_COPY = ['copied@example.com'];

// It is told from the primary by the people in it.
describeWithUsersTable('a replica for reading', () => {
  it('answers the lists of users, of the trail and of payments', async () => {
    expect(await addresses()).toEqual(FROM_COPY);
    expect(succeed(await admin.get('/audit-events')).data).toEqual([]);
    expect(succeed(await admin.get('/payments')).data).toEqual([]);
    const counted = await (await fetch(`${app.opsUrl}/metrics`)).text();
    expect(counted).toMatch(/^omni_replica_reads\{by="replica"\} [3-9]$/m);
    expect(counted).toMatch(/^omni_replica_reads\{by="primary"\} 0$/m);
  });

  it('answers nothing else: whoever logs in, is looked at or changed is who the primary has', async () => {
    const ada = await app.signUp();

    expect((await ada.get('/users/me')).body.email).toBe(ada.email);
    expect((await admin.get(`/users/${ada.user.id}`)).body.email).toBe(ada.email);
    succeed(await admin.patch(`/users/${ada.user.id}`, { full_name: 'Ada King' }));
    await expect(app.logIn({ email: 'copied@example.com', password: 'whatever it is' })).rejects.toThrow();
    expect(await addresses()).toEqual(FROM_COPY);
  });

  it('shows a tenant’s scope none of another’s rows, and whoever has no scope none at all', async () => {
    const [tenant, other] = [await newTenant(app), await newTenant(app)];
    for (const id of [tenant, other]) await tenantIn(copy, id);
    await person(copy, tenant, 'theirs@example.com');
    await person(copy, other, 'hidden@example.com');
    const database = app.app.get(Database);
    const everybody = (): Promise<{ email: string }[]> =>
      database.reading(() => database.run((manager) => manager.query('SELECT email FROM users ORDER BY email')));

    expect(await addresses(`/users?tenant_id=${tenant}`)).toEqual(['theirs@example.com']);
    expect(await database.asTenant(tenant, everybody)).toEqual([{ email: 'theirs@example.com' }]);
    expect(await everybody()).toEqual([]);
  });

  it('is never part of a transaction, nor written to', async () => {
    const [database, users] = [app.app.get(Database), app.app.get(UsersRepository)];
    const copied = async (): Promise<boolean> => (await users.findCredentials('copied@example.com')) !== null;

    expect(await database.asSystem(copied)).toBe(false);
    expect(await database.asSystem(() => database.reading(copied))).toBe(true);
    expect(await database.asSystem(() => database.reading(() => database.transaction(copied)))).toBe(false);
    expect(await database.asSystem(() => database.transaction(() => database.reading(copied)))).toBe(false);
    const [{ read_only }] = await database.reading(() =>
      database.run((manager) =>
        manager.query<[{ read_only: string }]>(`SELECT current_setting('transaction_read_only') AS read_only`),
      ),
    );
    expect(read_only).toBe('on');
  });

  it('is not left in peace for what a client asks wrongly', async () => {
    const query = `/payments?starting_after=${uuidv7()}&ending_before=${uuidv7()}`;

    expect((await admin.get(query)).status).toBe(422);
    expect(await addresses()).toEqual(FROM_COPY);
  });

  it('may be away: the primary answers, and it again once it is back', async () => {
    await wire.cut();
    for (let count = 0; count < 5; count++) expect(await addresses()).toContain(admin.email);
    await wire.mend();

    await eventually(async () => expect(await addresses()).toEqual(FROM_COPY));
  });

  it('is asked by others while one list is too much for it, which the primary answers', async () => {
    const late = await startApp({
      settings: { POSTGRES_REPLICA_URL: copy.url('app') },
      timings: { replica_wait_ms: 5_000, replica_pause_ms: 600_000, pool_wait_ms: 15_000 },
    });
    const there = await late.admin();
    await connected(copy.url('superuser'), async (client) => {
      await client.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
      const slow = addresses('/users', there);
      expect(succeed(await there.get('/audit-events')).data).toEqual([]);

      expect(await slow).toContain(admin.email);
      expect(succeed(await there.get('/audit-events')).data).toEqual([]);
    });

    await eventually(async () => expect(await addresses('/users', there)).toEqual(FROM_COPY));
    expect(late.logs.join()).not.toContain('The replica of PostgreSQL fails');
    await late.close();
  });

  it('which has stopped to answer is left in peace', async () => {
    const far = await Wire.to(copy.url('app'));
    const late = await startApp({
      settings: { POSTGRES_REPLICA_URL: far.url },
      timings: { replica_wait_ms: 5_000, replica_pause_ms: 600_000, pool_wait_ms: 15_000 },
    });
    const there = await late.admin();
    await eventually(async () => expect(await addresses('/users', there)).toEqual(FROM_COPY));
    // Whoever enters a scope says it, and whoever connects.
    far.swallows = 'app';
    expect(await addresses('/users', there)).toContain(admin.email);
    await eventually(() => late.logs.join().includes('The replica of PostgreSQL fails: ReplicaAwayError'));

    far.swallows = null;
    expect(await addresses('/users', there)).toContain(admin.email);
    await late.close();
    await far.cut();
  });

  it('may be away when the app starts', async () => {
    const far = await Wire.to(copy.url('app'));
    await far.cut();
    const late = await startApp({ settings: { POSTGRES_REPLICA_URL: far.url }, timings: { replica_pause_ms: 100 } });
    const there = await late.admin();
    expect(await addresses('/users', there)).toContain(admin.email);

    await far.mend();
    await eventually(async () => expect(await addresses('/users', there)).toEqual(FROM_COPY));
    await late.close();
    await far.cut();
  });

  it('is not asked as a role that sees every tenant, and production does not start with one', async () => {
    const POSTGRES_REPLICA_URL = copy.url('superuser');
    const careful = await startApp({ settings: { POSTGRES_REPLICA_URL } });

    expect(await addresses('/users', await careful.admin())).toContain(admin.email);
    expect(careful.logs.join()).toContain(
      'POSTGRES_REPLICA_URL must name a role that is neither superuser nor BYPASSRLS',
    );
    await careful.close();
    const settings = { NODE_ENV: 'production', PUBLIC_URL: 'http://localhost', POSTGRES_REPLICA_URL };
    await expect(startApp({ settings })).rejects.toThrow('POSTGRES_REPLICA_URL must name a role');
    expect(mistakes({ POSTGRES_REPLICA_URL: 'mysql://replica' })).toEqual([
      'POSTGRES_REPLICA_URL must be a URL that begins with postgres:// or postgresql://',
    ]);
  });
});
