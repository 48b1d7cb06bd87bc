import { createConnection } from 'mongoose';
import { migrate } from '../../src/database/migrate.js';
import { startApp } from '../support/app.js';
import { emptyDatabase, superUrlOf } from '../support/connections.js';
import { describeWithMongo, TestDatabase } from '../support/engines.js';
import { startShipped } from '../support/shipped.js';
import type { TestSettings } from '../support/stage.js';

/** Each starts the application a few times. */
jest.setTimeout(240_000);

const INVALID = { name: 'InvalidSettingsError' };

interface Marked {
  readonly _id: string;
  readonly installation_id: string;
}

/** Every document of MongoDB's that says whose it is, and how many others there are. */
async function contents(url: string): Promise<{ marks: Marked[]; collections: string[] }> {
  const connection = await createConnection(url).asPromise();
  try {
    const marks = await connection.collection<Marked>('installation').find().toArray();
    return { marks, collections: (await connection.listCollections()).map(({ name }) => name) };
  } finally {
    await connection.close();
  }
}

/** As the runbook has an operator do it. */
async function mark(url: string, installation_id: string | null): Promise<void> {
  const connection = await createConnection(url).asPromise();
  const marks = connection.collection<Marked>('installation');
  await marks.deleteMany({});
  if (installation_id) await marks.insertOne({ _id: 'omni', installation_id });
  await connection.close();
}

const inMongo = (database: TestDatabase, url = database.mongoUrl!) =>
  startApp({ database, settings: { MONGODB_URL: url } });

/** Where somebody has been. */
async function used(): Promise<TestDatabase> {
  const database = await TestDatabase.create();
  // All of these are copies of one that was migrated: without this they were one installation.
  await database.query('superuser', 'UPDATE users_home SET installation_id = gen_random_uuid()');
  await (await inMongo(database)).close();
  return database;
}

const home = async (database: TestDatabase): Promise<{ store: string; installation_id: string; paired: boolean }> =>
  (await database.query('superuser', 'SELECT store, installation_id, paired FROM users_home'))[0];

describeWithMongo('a start', () => {
  it('that would leave the users of PostgreSQL behind is refused', async () => {
    const database = await TestDatabase.create();
    await (await startApp({ database, settings: { MONGODB_URL: '' } })).close();

    await expect(startApp({ database, settings: { MONGODB_URL: database.mongoUrl! } })).rejects.toMatchObject({
      ...INVALID,
      message: expect.stringMatching(/users are in PostgreSQL.*npm run users:move -- mongodb/s),
    });
  });

  it('that would leave the users of MongoDB behind is refused', async () => {
    const database = await TestDatabase.create();
    await (await startApp({ database, settings: { MONGODB_URL: database.mongoUrl! } })).close();

    await expect(startApp({ database, settings: { MONGODB_URL: '' } })).rejects.toMatchObject({
      ...INVALID,
      message: expect.stringMatching(/users live in MongoDB.*npm run users:move -- postgresql/s),
    });
  });

  it('with users in MongoDB is refused until somebody has migrated the database, and takes nobody in before', async () => {
    const { ownerUrl: owner, appUrl: app } = await emptyDatabase();
    const database = TestDatabase.at({ superuser: superUrlOf(owner), owner, app });

    await expect(inMongo(database)).rejects.toMatchObject({
      ...INVALID,
      message: expect.stringMatching(/MONGODB_URL is set.*run `npm run migrate`, then start again/s),
    });
    expect(await contents(database.mongoUrl!)).toEqual({ marks: [], collections: [] });
    await migrate({ ownerUrl: owner, appUrl: app });
    await (await inMongo(database)).close();
    expect(await home(database)).toMatchObject({ store: 'mongodb', paired: true });
  });

  it('with another, empty MongoDB ends with status 78, says what to do, and leaves it as it was', async () => {
    const database = await used();
    const typo = (await TestDatabase.create()).mongoUrl!;
    const { installation_id } = await home(database);
    const settings: TestSettings = {
      POSTGRES_URL: database.url('app'),
      POSTGRES_OWNER_URL: database.url('owner'),
      MONGODB_URL: typo,
    };

    const refused = startShipped({ settings });
    await expect(refused).rejects.toThrow(/^It ended with 78 /);
    await expect(refused).rejects.toThrow(
      `MONGODB_URL is not the one of installation ${installation_id}, to which POSTGRES_URL belongs`,
    );
    await expect(refused).rejects.toThrow('deploy/README.md');
    expect(await contents(typo)).toEqual({ marks: [], collections: [] });
    await (await inMongo(database)).close();
  });

  it('with the MongoDB of another installation is refused, whether this one is new or not', async () => {
    const [one, other, fresh] = [await used(), await used(), await TestDatabase.create()];
    const { installation_id } = await home(other);

    for (const database of [one, fresh]) {
      await expect(inMongo(database, other.mongoUrl!)).rejects.toMatchObject({
        ...INVALID,
        message: expect.stringContaining(`belongs to installation ${installation_id}, and POSTGRES_URL to`),
      });
    }
    expect((await contents(other.mongoUrl!)).marks).toEqual([{ _id: 'omni', installation_id }]);
    expect(await home(fresh)).toMatchObject({ store: 'postgresql', paired: false });
  });

  it('of many processes at once marks one MongoDB once', async () => {
    const database = await TestDatabase.create();
    const apps = await Promise.all(Array.from({ length: 3 }, () => inMongo(database)));
    const { installation_id } = await home(database);

    expect((await contents(database.mongoUrl!)).marks).toEqual([{ _id: 'omni', installation_id }]);
    for (const app of apps) await app.close();
  });

  it('marks the MongoDB of an installation that is older than the marks, unless there is nobody in it', async () => {
    const database = await used();
    const empty = (await TestDatabase.create()).mongoUrl!;
    await mark(database.mongoUrl!, null);
    await database.query('superuser', 'UPDATE users_home SET paired = false');

    await expect(inMongo(database, empty)).rejects.toMatchObject(INVALID);
    await (await inMongo(database)).close();
    const { installation_id, paired } = await home(database);
    expect(paired).toBe(true);
    expect((await contents(database.mongoUrl!)).marks).toEqual([{ _id: 'omni', installation_id }]);
  });

  it('with a MongoDB whose back-up had no mark is refused, until it has the one that the refusal names', async () => {
    const database = await used();
    await mark(database.mongoUrl!, null);

    await expect(inMongo(database)).rejects.toMatchObject(INVALID);
    await mark(database.mongoUrl!, (await home(database)).installation_id);
    const app = await inMongo(database);
    await app.admin();
    await app.close();
  });
});
