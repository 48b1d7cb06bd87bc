import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lock } from '../../src/dev/lock.js';
import { startPostgres } from '../../src/dev/postgres.js';
import { NAMES, prepareDatabase } from '../../src/dev/roles.js';
import { migrate } from '../../src/database/migrate.js';
import { startApp, type TestApp } from '../support/app.js';
import { temporaryFolder, TestDatabase } from '../support/engines.js';
import { brokenInvariants, paid, untilStatus } from '../support/payments.js';

const COMMAND = join(import.meta.dirname, '../../dist/src/dev/move/move.main.js');
const SECRET_KEY = 'the same in both places, or what is sealed stays so';

jest.setTimeout(180_000);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `npm run database:move`. */
async function move(DATA_DIR: string, variables: Readonly<Record<string, string>>): Promise<Ended> {
  const env = { PATH: process.env['PATH'], DATA_DIR, SECRET_KEY, ...variables };
  return promisify(execFile)(process.execPath, [COMMAND], { env, cwd: temporaryFolder() }).then(
    (said) => ({ code: 0, ...said }),
    (error: Ended) => error,
  );
}

/** A DATA_DIR as `npm start` leaves it, whose database the app of the test has filled. */
async function embedded(fill: (app: TestApp) => Promise<void>): Promise<string> {
  const directory = join(temporaryFolder(), 'data');
  mkdirSync(directory, { mode: 0o711 });
  const server = await startPostgres({ directory: join(directory, 'postgres') });
  const urls = await prepareDatabase(server.url, NAMES);
  await migrate(urls);
  const superuser = Object.assign(new URL(server.url), { pathname: `/${NAMES.database}` }).href;
  const app = await startApp({
    database: TestDatabase.at({ superuser, owner: urls.ownerUrl, app: urls.appUrl }),
    settings: { SECRET_KEY, MONGODB_URL: '' },
  });
  await fill(app);
  await app.close();
  await server.stop();
  return directory;
}

const urlsOf = (database: TestDatabase) => ({
  POSTGRES_URL: database.url('app'),
  POSTGRES_OWNER_URL: database.url('owner'),
});

describe('a service that moves from the embedded PostgreSQL to another one', () => {
  const LOGIN = { email: 'ada@example.com', password: 'Password123' };
  let directory: string;
  let payment_id: string;
  beforeAll(async () => {
    directory = await embedded(async (app) => {
      const ada = await app.signUp({ ...LOGIN, full_name: 'Ada "Ł" Lovelace\n\\' });
      payment_id = (await paid(ada, { payment_method: 'pm_sim_success' })).id;
      await untilStatus(ada, payment_id, 'succeeded');
    });
  });

  it('has every account, session and payment there, and books that agree', async () => {
    const database = await TestDatabase.create();
    const moved = await move(directory, urlsOf(database));
    expect(moved).toMatchObject({ code: 0 });
    expect(moved.stdout).toMatch(/^Moved: \d{2,} rows of \d{2,} tables, each as it was$/m);

    const app = await startApp({ database, settings: { SECRET_KEY, MONGODB_URL: '' } });
    const ada = await app.logIn(LOGIN);
    expect(ada.user.full_name).toBe('Ada "Ł" Lovelace\n\\');
    expect((await ada.get(`/payments/${payment_id}`)).body).toMatchObject({ status: 'succeeded' });
    expect(await brokenInvariants(app)).toEqual([]);
    // What numbers its rows goes on where it was.
    await untilStatus(ada, (await paid(ada, { payment_method: 'pm_sim_success' })).id, 'succeeded');
    await app.close();
  });

  it('is refused where there are rows already, which stay as they are', async () => {
    const database = await TestDatabase.create();
    const app = await startApp({ database, settings: { SECRET_KEY, MONGODB_URL: '' } });
    const other = await app.signUp();
    await app.close();

    const moved = await move(directory, urlsOf(database));
    expect(moved.code).toBe(1);
    expect(moved.stderr).toMatch(/^The database at POSTGRES_URL is in use: there are rows in public\.\w+\.$/m);
    const found = await database.query<{ email: string }>('superuser', 'SELECT email FROM users ORDER BY email');
    expect(found.map(({ email }) => email)).toEqual(['admin@example.com', other.email].toSorted());
  });

  it('is refused while a server uses the embedded one, and where nothing says where to', async () => {
    const held = await lock(directory);
    const database = await TestDatabase.create();
    expect((await move(directory, urlsOf(database))).code).toBe(75);
    await held.release();
    expect(await move(directory, {})).toMatchObject({
      code: 1,
      stderr: 'POSTGRES_URL says where to: it is not set.\n',
    });
  });
});
