import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { insertUsers } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { describeWithMongo, TestDatabase, temporaryFolder } from '../support/engines.js';
import type { TestSettings } from '../support/stage.js';

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
    // As if it had been copying into a store that is somebody's own.
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
    for (const [store, database] of [
      ['postgresql', one],
      ['mongodb', other],
    ] as const) {
      await (await startIn(store, database)).close();
    }

    await expect(move(one, 'mongodb', { MONGODB_URL: other.mongoUrl! })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There are 1 users in mongodb already'),
    });
    expect(await home(one)).toEqual({ store: 'postgresql', moving_to: null });
    await expect(move(one, 'mongodb', { MONGODB_URL: '' })).rejects.toMatchObject({ code: 78 });
    await expect(move(one, 'mysql')).rejects.toMatchObject({ code: 64, stderr: expect.stringContaining('users:move') });
  });
});
