import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPostgres, type PostgresServer } from '../../src/dev/postgres.js';
import { prepareDatabase } from '../../src/dev/roles.js';
import { startApp } from '../support/app.js';
import { projectFile } from '../support/compose.js';
import { temporaryFolder, TestDatabase } from '../support/engines.js';
import { brokenInvariants, paid, untilStatus } from '../support/payments.js';

const SYSTEM = '/usr/lib/postgresql';
/** The newest PostgreSQL of this machine that has the client's tools beside it: they must be of the server's version. */
const major = (existsSync(SYSTEM) ? readdirSync(SYSTEM) : [])
  .filter((version) =>
    ['postgres', 'pg_dump', 'pg_restore'].every((name) => existsSync(join(SYSTEM, version, 'bin', name))),
  )
  .map(Number)
  .toSorted((a, b) => b - a)[0];

if (!major && !process.env['CI'])
  process.stderr.write(`No PostgreSQL with pg_dump in ${SYSTEM}: back-ups are not tried\n`);
const describeWithTools = major || process.env['CI'] ? describe : describe.skip;

/** What the runbook has operators type, without what npm does. */
const [DUMP, RESTORE] = ['pg_dump', 'pg_restore'].map((name) =>
  projectFile('deploy/README.md')
    .split('\n')
    .find((line) => line.includes(`${name} -`))!,
);

const run = promisify(execFile);
const SECRET_KEY = 'kept elsewhere than the back-up, and wanted by it';

jest.setTimeout(180_000);

describeWithTools('the back-up of the runbook', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ directory: join(temporaryFolder(), 'postgres'), major: major! });
  });
  afterAll(() => server?.stop());

  it('is restored into an empty database with every account and payment, as the owner of the tables alone', async () => {
    const cwd = temporaryFolder();
    const type = (command: string, ownerUrl: string) =>
      run('bash', ['-c', command], {
        cwd,
        env: { PATH: `${join(SYSTEM, String(major), 'bin')}:${process.env['PATH']}`, POSTGRES_OWNER_URL: ownerUrl },
      });
    const database = await TestDatabase.on(server.url);
    const before = await startApp({ database, settings: { SECRET_KEY, MONGODB_URL: '' } });
    const ada = await before.signUp();
    const { id } = await paid(ada, { payment_method: 'pm_sim_success' });
    await untilStatus(ada, id, 'succeeded');
    await before.close();
    await type(DUMP!, database.url('owner'));

    const names = { database: 'restored', owner: 'omni_test_owner', app: 'omni_test_app' };
    const { ownerUrl, appUrl } = await prepareDatabase(server.url, names);
    await type(RESTORE!, ownerUrl);
    const env = { POSTGRES_URL: appUrl, POSTGRES_OWNER_URL: ownerUrl, SECRET_KEY };
    const migrate = join(import.meta.dirname, '../../dist/src/database/migrate.main.js');
    expect((await run(process.execPath, [migrate], { cwd, env })).stdout).toBe('Nothing to apply\n');

    const superuser = Object.assign(new URL(server.url), { pathname: '/restored' }).href;
    const restored = TestDatabase.at({ superuser, owner: ownerUrl, app: appUrl });
    const after = await startApp({ database: restored, settings: { SECRET_KEY, MONGODB_URL: '' } });
    const again = await after.logIn(ada);
    expect((await again.get(`/payments/${id}`)).body).toMatchObject({ status: 'succeeded' });
    expect(await brokenInvariants(after)).toEqual([]);
    // Still nobody sees a row without a scope, nor changes what was.
    expect(await restored.query('app', 'SELECT * FROM users')).toEqual([]);
    await expect(restored.query('superuser', 'DELETE FROM audit_events')).rejects.toThrow('append-only');
    await after.close();
  });

  it('would be refused by pg_dump without the options, and is no empty one in silence', async () => {
    const ownerUrl = Object.assign(new URL(server.url), { pathname: '/omni_test' });
    const { ownerUrl: owner } = await prepareDatabase(server.url, {
      database: ownerUrl.pathname.slice(1),
      owner: 'omni_test_owner',
      app: 'omni_test_app',
    });
    const bare = run(join(SYSTEM, String(major), 'bin/pg_dump'), [owner], { cwd: temporaryFolder() });
    await expect(bare).rejects.toThrow('row-level security');
  });
});
