import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, escapeLiteral } from 'pg';
import { startPostgres, type PostgresServer } from '../../src/dev/postgres.js';
import { Inbox } from '../../src/dev/inbox.js';
import { compose, environmentOf, execForm, projectFile } from '../support/compose.js';
import { describeWithRedis, emptyRedis, temporaryFolder } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { startShipped, type Shipped } from '../support/shipped.js';

const ROOT = join(import.meta.dirname, '../..');
const GIVEN: Record<string, string> = {
  POSTGRES_PASSWORD: 'for-the-superuser',
  OMNI_OWNER_PASSWORD: 'for-the-owner',
  OMNI_APP_PASSWORD: "for the app's role".replaceAll(/\W/g, '-'),
  SECRET_KEY: '0123456789abcdef0123456789abcdef',
};

const run = promisify(execFile);

/** As psql reads it: `\getenv name VARIABLE`, then `:'name'`. */
async function runScript(script: string, url: string): Promise<void> {
  const values = [...script.matchAll(/^\\getenv (\w+) (\w+)$/gm)].map(
    ([, name, variable]) => [name!, GIVEN[variable!]!] as const,
  );
  const sql = values.reduce(
    (text, [name, value]) => text.replaceAll(`:'${name}'`, escapeLiteral(value)),
    script.replaceAll(/^(\\|--).*$/gm, ''),
  );
  const client = new Client({ connectionString: url });
  await client.connect();
  // One at a time, as psql sends them: a database is not made within a transaction.
  for (const statement of sql.split(';').map((one) => one.trim())) if (statement) await client.query(statement);
  await client.end();
}

let postgres: PostgresServer;
let redisUrl: string;
let inbox: Inbox;
beforeAll(async () => {
  // Nobody else's: another's worker would take the jobs, and find no mail of theirs.
  redisUrl = (await emptyRedis(0))!;
  postgres = await startPostgres({ directory: join(temporaryFolder(), 'postgres') });
  inbox = await Inbox.start({ directory: temporaryFolder() });
});
afterAll(async () => {
  await inbox.stop();
  await postgres.stop();
});

/** The environment of a service, with the engines where they are here. */
function configured(service: string): Record<string, string> {
  const hosts = {
    'postgres:5432': `127.0.0.1:${postgres.port}`,
    'redis://redis:6379': redisUrl,
    'smtp://mail:1025': inbox.url,
  };
  const here = (text: string): string =>
    Object.entries(hosts).reduce((all, [there, host]) => all.replace(there, host), text);
  return Object.fromEntries(Object.entries(environmentOf(service, GIVEN)).map(([name, text]) => [name, here(text)]));
}

/** What Docker runs to learn of a container's health. */
const isHealthy = ({ opsUrl }: Shipped): Promise<boolean> => {
  const [, ...args] = execForm('HEALTHCHECK');
  return run(process.execPath, args, { env: { OPS_PORT: new URL(opsUrl).port } }).then(
    () => true,
    () => false,
  );
};

jest.setTimeout(90_000);

describeWithRedis('what docker-compose.yml runs', () => {
  it('migrates a fresh server as its owner, then serves and works as a role that can do less', async () => {
    await runScript(projectFile('deploy/postgres-init.sql'), postgres.url);
    const [, migrate = ''] = compose.services['migrate']?.command ?? [];
    const migrated = await run(process.execPath, [join(ROOT, migrate)], {
      env: configured('migrate'),
      cwd: temporaryFolder(),
    });
    expect(migrated.stdout).toMatch(/^Applied: /);

    const [api, worker] = await Promise.all([
      startShipped({ environment: configured('api') }),
      startShipped({ environment: configured('worker') }),
    ]);
    const body = { email: 'ada@example.com', password: 'Password123', full_name: 'Ada Lovelace' };
    expect((await api.send('POST', '/users', { body })).status).toBe(201);
    await eventually(() => inbox.list().length === 1, { within: 45_000 });
    await expect(worker.send('GET', '~/health/live')).rejects.toThrow('fetch failed');

    // Docker too asks more than once.
    for (const one of [api, worker]) await eventually(() => isHealthy(one));
    expect(await Promise.all([api.end(), worker.end()])).toEqual([0, 0]);
    expect(await isHealthy(api)).toBe(false);
  });
});
