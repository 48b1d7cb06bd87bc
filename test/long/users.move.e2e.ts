import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection, type Connection } from 'mongoose';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { toDocument } from '../../src/users/mongo/user-mapping.js';
import type { UserDocument } from '../../src/users/mongo/user.schema.js';
import type { User } from '../../src/users/user.entity.js';
import { insertUsers } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { describeWithMongo, TestDatabase, temporaryFolder } from '../support/engines.js';
import { ADMIN, type TestSettings } from '../support/stage.js';

/** Each starts the application a few times, and a command or two. */
jest.setTimeout(240_000);

const run = promisify(execFile);

type Store = 'postgresql' | 'mongodb';

/** `npm run users:move`, with the settings of a process that has ended. */
async function move(database: TestDatabase, to: string, settings: TestSettings = {}): Promise<string> {
  const command = join(import.meta.dirname, '../../dist/src/users/move/move.main.js');
  const env = {
    PATH: process.env['PATH'],
    NODE_ENV: 'test',
    POSTGRES_URL: database.url('app'),
    MONGODB_URL: database.mongoUrl!,
    SECRET_KEY: 'a secret that is long enough for whoever asks',
    ...settings,
  };
  return (await run(process.execPath, [command, to], { env, cwd: temporaryFolder() })).stdout;
}

const startIn = (store: Store, database: TestDatabase): Promise<TestApp> =>
  startApp({ database, settings: { MONGODB_URL: store === 'mongodb' ? database.mongoUrl! : '' } });

/** More than go by one batch, in every state that a user may be in. */
async function fill(app: TestApp): Promise<void> {
  await insertUsers(
    app,
    Array.from({ length: 450 }, (_, at) => ({
      tenant_id: DEFAULT_TENANT_ID,
      role: at % 3 === 0 ? ('admin' as const) : ('user' as const),
      status: at % 5 === 0 ? ('disabled' as const) : ('active' as const),
      ...(at % 2 === 0 && { username: `Moved_${at}`, username_key: `moved_${at}` }),
      version: 1 + (at % 4),
    })),
  );
}

const table = (database: TestDatabase): Promise<unknown[]> => database.query('superuser', 'SELECT id FROM users');
const home = async (database: TestDatabase): Promise<unknown> =>
  (await database.query('superuser', 'SELECT store, moving_to FROM users_home'))[0];

/** As one leaves it that is older than what says whose a store is. */
async function forgetWhose({ mongoUrl }: TestDatabase): Promise<void> {
  await withMongo(mongoUrl!, (connection) => connection.collection('installation').deleteMany({}));
}

async function withMongo<T>(url: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await createConnection(url).asPromise();
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** Into a store, whatever lives in the other one. */
async function putBack(database: TestDatabase, store: Store, users: readonly User[]): Promise<void> {
  if (store === 'postgresql') {
    const sql = 'INSERT INTO users SELECT * FROM json_populate_recordset(null::users, $1)';
    return void (await database.query('superuser', sql, [JSON.stringify(users)]));
  }
  await withMongo(database.mongoUrl!, (connection) =>
    connection.collection<UserDocument>('users').insertMany(users.map((user) => toDocument(user))),
  );
}

async function deleteFrom(database: TestDatabase, store: Store, id: string): Promise<void> {
  if (store === 'postgresql') await database.query('superuser', 'DELETE FROM users WHERE id = $1', [id]);
  else
    await withMongo(database.mongoUrl!, (connection) =>
      connection.collection<{ _id: string }>('users').deleteOne({ _id: id }),
    );
}

const REFUSED = { name: 'InvalidSettingsError' };

describeWithMongo('npm run users:move', () => {
  it.each<[Store, Store]>([
    ['postgresql', 'mongodb'],
    ['mongodb', 'postgresql'],
  ])('carries everybody from %s to %s as they are, and leaves nobody behind', async (from, to) => {
    const database = await TestDatabase.create();
    const before = await startIn(from, database);
    await fill(before);
    const ada = await before.signUp();
    const users = await before.users.find({});
    await before.close();

    expect(await move(database, to)).toBe(`Moved to ${to}: ${users.length} users\n`);
    expect(await move(database, to)).toBe(`The users live in ${to} already\n`);
    expect(await home(database)).toEqual({ store: to, moving_to: null });
    expect(await table(database)).toHaveLength(to === 'mongodb' ? 0 : users.length);
    await expect(startIn(from, database)).rejects.toMatchObject({ name: 'InvalidSettingsError' });
    const after = await startIn(to, database);
    expect((await after.users.find({})).map((user) => ({ ...user }))).toEqual(users.map((user) => ({ ...user })));
    expect((await (await after.logIn(ada)).get('/users/me')).body).toMatchObject({ id: ada.user.id });
    expect((await after.send('POST', '/users', { body: { ...ada.user, ...ada, full_name: 'x' } })).status).not.toBe(
      201,
    );
    await after.close();
  });

  it('that broke off goes on where it was, and until then no process starts', async () => {
    const database = await TestDatabase.create();
    const before = await startIn('postgresql', database);
    await fill(before);
    const count = (await table(database)).length;
    await before.close();
    // As one leaves it that was killed while it copied.
    await database.query('superuser', `UPDATE users_home SET moving_to = 'mongodb'`);

    for (const store of ['postgresql', 'mongodb'] as const) {
      await expect(startIn(store, database)).rejects.toMatchObject({
        name: 'InvalidSettingsError',
        message: expect.stringContaining('npm run users:move -- mongodb'),
      });
    }
    expect(await move(database, 'mongodb')).toBe(`Moved to mongodb: ${count} users\n`);
    // As one leaves it that was killed while it deleted the originals.
    await database.query('superuser', `UPDATE users_home SET moving_to = 'mongodb'`);
    await expect(move(database, 'postgresql')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('run `npm run users:move -- mongodb` first'),
    });
    expect(await move(database, 'mongodb')).toBe(`Moved to mongodb: ${count} users\n`);
    const after = await startIn('mongodb', database);
    expect(await after.users.find({})).toHaveLength(count);
    await after.close();
  });

  it('whose copies are refused is given up by moving to where the users are', async () => {
    const database = await TestDatabase.create();
    const before = await startIn('postgresql', database);
    await fill(before);
    const users = await before.users.find({});
    await before.close();
    const other = await TestDatabase.create();
    const theirs = await startIn('mongodb', other);
    await theirs.users.change({ email: 'admin@example.com' }, { email: 'theirs@example.com' });
    // As if it had been copying into a store that is somebody's own, which does not say so.
    await forgetWhose(other);
    await database.query('superuser', `UPDATE users_home SET moving_to = 'mongodb'`);
    const settings = { MONGODB_URL: other.mongoUrl! };

    await expect(move(database, 'mongodb', settings)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('give the move up with `npm run users:move -- postgresql`'),
    });
    await expect(startIn('postgresql', database)).rejects.toMatchObject({ name: 'InvalidSettingsError' });
    expect(await move(database, 'postgresql', settings)).toBe('The users live in postgresql already\n');
    expect(await home(database)).toEqual({ store: 'postgresql', moving_to: null });
    const after = await startIn('postgresql', database);
    expect((await after.users.find({})).map(({ id }) => id)).toEqual(users.map(({ id }) => id));
    await after.close();
    expect((await theirs.users.find({})).map(({ email }) => email)).toEqual(['theirs@example.com']);
    await theirs.close();
  });

  it('refuses a store that holds others, and says what it wants', async () => {
    const [one, other] = [await TestDatabase.create(), await TestDatabase.create()];
    // Both are copies of one that was migrated: without this they were one installation.
    await other.query('superuser', 'UPDATE users_home SET installation_id = gen_random_uuid()');
    for (const [store, database] of [
      ['postgresql', one],
      ['mongodb', other],
    ] as const) {
      await (await startIn(store, database)).close();
    }

    await expect(move(one, 'mongodb', { MONGODB_URL: other.mongoUrl! })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/MONGODB_URL belongs to installation .*, and POSTGRES_URL to/),
    });
    await forgetWhose(other);
    await expect(move(one, 'mongodb', { MONGODB_URL: other.mongoUrl! })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There are 1 users in mongodb already'),
    });
    expect(await home(one)).toEqual({ store: 'postgresql', moving_to: null });
    await expect(move(one, 'mongodb', { MONGODB_URL: '' })).rejects.toMatchObject({ code: 78 });
    await expect(move(one, 'mysql')).rejects.toMatchObject({ code: 64, stderr: expect.stringContaining('users:move') });
  });

  it('refuses while a process of the service runs, which goes on, and starts once that has ended', async () => {
    const database = await TestDatabase.create();
    const app = await startIn('postgresql', database);
    const refused = { code: 75, stderr: expect.stringMatching(/have \d+ sessions with PostgreSQL: stop them/) };

    await expect(move(database, 'mongodb')).rejects.toMatchObject(refused);
    expect(await home(database)).toEqual({ store: 'postgresql', moving_to: null });
    const ada = await app.signUp();
    // As one leaves it that broke off: it stays so.
    await database.query('superuser', `UPDATE users_home SET moving_to = 'mongodb'`);
    await expect(move(database, 'mongodb')).rejects.toMatchObject(refused);
    expect(await home(database)).toEqual({ store: 'postgresql', moving_to: 'mongodb' });
    await app.close();
    expect(await move(database, 'mongodb')).toBe('Moved to mongodb: 2 users\n');
    const after = await startIn('mongodb', database);
    expect((await (await after.logIn(ada)).get('/users/me')).body).toMatchObject({ id: ada.user.id });
    await after.close();
  });

  it.each<[Store, Store]>([
    ['postgresql', 'mongodb'],
    ['mongodb', 'postgresql'],
  ])('from %s to %s deletes nobody whose copy is not there as the original is', async (from, to) => {
    const database = await TestDatabase.create();
    const app = await startIn(from, database);
    const [ada, eve] = [await app.signUp(), await app.signUp()];
    await app.close();
    await move(database, to);
    // Whoever wrote after the copies were compared, as a process that nobody saw would: somebody new, and a change.
    const late = await startIn(to, database);
    const users = await late.users.find({});
    await late.close();
    const written = users.map((user) =>
      user.id === ada.user.id ? { ...user, full_name: 'Ada King', version: user.version + 1 } : user,
    );
    const original = written.filter(({ id }) => id !== eve.user.id);
    await putBack(database, from, original);
    await deleteFrom(database, to, users.find(({ email }) => email === ADMIN.email)!.id);
    await database.query('superuser', `UPDATE users_home SET moving_to = '${to}'`);

    expect(await move(database, to)).toMatch(new RegExp(`^Moved to ${to}: 3 users\n$`));
    const after = await startIn(to, database);
    expect((await after.users.find({})).map((user) => ({ ...user }))).toEqual(written.map((user) => ({ ...user })));
    await after.close();
  });

  it('whose copy collides with somebody else ends with a sentence, and can be given up', async () => {
    const database = await TestDatabase.create();
    const app = await startIn('postgresql', database);
    const ada = await app.signUp();
    await app.close();
    const [user] = (await database.query('superuser', 'SELECT * FROM users WHERE id = $1', [ada.user.id])) as [User];
    await database.query('superuser', `UPDATE users_home SET moving_to = 'mongodb'`);
    await withMongo(database.mongoUrl!, (connection) =>
      connection
        .collection<Pick<UserDocument, '_id' | 'email' | 'tenant_id'>>('users')
        .insertOne({ _id: uuidv7(), email: user.email, tenant_id: user.tenant_id }),
    );

    await expect(move(database, 'mongodb')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^A copy has an address or a username that another user in mongodb has \(email_taken\): .*\n$/,
      ),
    });
    expect(await move(database, 'postgresql')).toBe('The users live in postgresql already\n');
    await (await startIn('postgresql', database)).close();
  });

  it('goes by no other MongoDB than that of the installation, but gives a move up without it', async () => {
    const database = await TestDatabase.create();
    await (await startIn('postgresql', database)).close();
    const typo = { MONGODB_URL: (await TestDatabase.create()).mongoUrl! };
    const stranger = { code: 1, stderr: expect.stringMatching(/MONGODB_URL is not the one of installation/) };

    await move(database, 'mongodb');
    await expect(move(database, 'postgresql', typo)).rejects.toMatchObject(stranger);
    await expect(startApp({ database, settings: typo })).rejects.toMatchObject(REFUSED);
    await move(database, 'postgresql');
    await database.query('superuser', `UPDATE users_home SET moving_to = 'mongodb', paired = true`);
    await expect(move(database, 'mongodb', typo)).rejects.toMatchObject(stranger);
    expect(await move(database, 'postgresql', typo)).toBe('The users live in postgresql already\n');
    // Another one will do, now that nobody is in any.
    expect(await move(database, 'mongodb', typo)).toBe('Moved to mongodb: 1 users\n');
    const after = await startApp({ database, settings: typo });
    await after.admin();
    await after.close();
  });
});
