import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client } from 'pg';
import { isRoot } from '../../src/config/host.js';
import { startPostgres, type PostgresServer } from '../../src/dev/postgres.js';
import { isAlive, run } from '../../src/dev/processes.js';
import { reset } from '../../src/dev/reset.js';
import { prepareDatabase } from '../../src/dev/roles.js';
import { eventually } from '../support/eventually.js';

/** Of util-linux, which any Linux has that has a root. */
const WITHOUT_TRACING = ['setpriv', '--bounding-set=-sys_ptrace', '--inh-caps=-sys_ptrace'];

/** As private as root's home: nobody else can walk there. */
const folder = mkdtempSync(join(tmpdir(), 'omni-postgres-'));
const directory = join(folder, 'postgres');
const data = join(directory, 'data');
const said: string[] = [];
const start = () => startPostgres({ directory, say: (sentence) => said.push(sentence) });

let server: PostgresServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

async function ask<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(sql);
    return rows as Row[];
  } finally {
    await client.end();
  }
}

const write = (url: string, word: string) =>
  ask(url, `CREATE TABLE IF NOT EXISTS words (word text); INSERT INTO words VALUES ('${word}')`);
const words = async (url: string) =>
  (await ask<{ word: string }>(url, 'SELECT word FROM words')).map(({ word }) => word);

/** Starts the server in a process that may not trace others, and stops it. @returns what it has said. */
async function startUntraced(place: string): Promise<string> {
  const options = `{ directory: ${JSON.stringify(place)}, path: [], say: console.log }`;
  const module = pathToFileURL(join(import.meta.dirname, '../../dist/src/dev/postgres.js')).href;
  const script = `const { startPostgres } = await import('${module}'); await (await startPostgres(${options})).stop();`;
  const command = [process.execPath, '--input-type=module', '--eval', script];
  // Whoever is not root may not anyway.
  const [program = '', ...args] = isRoot() ? [...WITHOUT_TRACING, ...command] : command;
  return (await run(program, args)).stdout;
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await eventually(async () => !(await isAlive(pid)));
}

describe('the embedded PostgreSQL', () => {
  it('is made at the first start, in place of what a killed start has left half made', async () => {
    mkdirSync(join(directory, 'draft-dead', 'data'), { recursive: true });
    writeFileSync(join(directory, 'draft-dead', 'data', 'PG_VERSION'), '');

    server = await start();

    await write(server.url, 'first');
    expect(readdirSync(directory).toSorted()).toEqual(['data', 'password', 'postgres.log']);
  });

  it('lets nobody in without the password', async () => {
    server = await start();
    const url = new URL(server.url);
    url.password = 'postgres';

    await expect(ask(url.href, 'SELECT')).rejects.toMatchObject({ code: '28P01' });
  });

  it('keeps what was written across a stop and a start', async () => {
    const first = await start();
    await write(first.url, 'kept');
    await first.stop();
    expect(await isAlive(first.pid)).toBe(false);

    server = await start();

    expect(await words(server.url)).toContain('kept');
  });

  it('stops although clients are connected', async () => {
    const running = await start();
    const client = new Client({ connectionString: running.url });
    client.on('error', () => undefined);
    await client.connect();

    await running.stop();

    expect(await isAlive(running.pid)).toBe(false);
  });

  it('takes over from a server that a killed process left behind, and loses nothing', async () => {
    const orphan = await start();
    await write(orphan.url, 'orphaned');

    server = await start();

    expect(await isAlive(orphan.pid)).toBe(false);
    expect(await words(server.url)).toContain('orphaned');
    expect(said).toContainEqual(expect.stringContaining(`(pid ${orphan.pid})`));
  });

  // As in a container: root may not look into the processes of others there, nor make a namespace for them.
  it('takes over what was left behind where nobody may trace the processes of others, too', async () => {
    const place = join(folder, 'untraced');
    const orphan = await startPostgres({ directory: join(place, 'postgres'), path: [] });
    await write(orphan.url, 'untraced');

    const told = await startUntraced(join(place, 'postgres'));

    expect(told).toContain(`(pid ${orphan.pid})`);
    expect(await isAlive(orphan.pid)).toBe(false);
    const again = await startPostgres({ directory: join(place, 'postgres'), path: [] });
    expect(await words(again.url)).toEqual(['untraced']);
    await again.stop();
    await reset({ DATA_DIR: place }, () => undefined);
  });

  it('recovers after it was killed itself', async () => {
    const crashed = await start();
    await write(crashed.url, 'recovered');
    await kill(crashed.pid);

    server = await start();

    expect(await words(server.url)).toContain('recovered');
  });

  it('starts although its pid file names a process that is another program by now', async () => {
    const crashed = await start();
    await kill(crashed.pid);
    writeFileSync(join(data, 'postmaster.pid'), `${process.pid}\n${data}\n`);

    server = await start();

    expect(await words(server.url)).toContain('first');
  });

  it('says what is wrong when the port that it must have is taken', async () => {
    const other = createServer((socket) => socket.resume());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;

    await expect(startPostgres({ directory, port })).rejects.toMatchObject({
      name: 'EngineError',
      message: expect.stringMatching(new RegExp(`postgres\\.log:[^]*${port}`)),
    });
    other.close();
  });

  it('refuses data of a version that is not here, and leaves them alone', async () => {
    const old = join(folder, 'old');
    mkdirSync(join(old, 'data'), { recursive: true });
    writeFileSync(join(old, 'data', 'PG_VERSION'), '9\n');

    await expect(startPostgres({ directory: old })).rejects.toMatchObject({ name: 'EngineError' });
    expect(existsSync(join(old, 'data', 'PG_VERSION'))).toBe(true);
  });

  it('runs without user namespaces too, below a private folder, and reset finds whatever was moved away', async () => {
    const place = join(folder, 'data-dir');
    const other = await startPostgres({ directory: join(place, 'postgres'), path: [] });
    await write(other.url, 'elsewhere');
    const { directory: real } = other;
    await other.stop();
    const again = await startPostgres({ directory: join(place, 'postgres'), path: [] });
    expect(await words(again.url)).toEqual(['elsewhere']);
    await again.stop();

    await reset({ DATA_DIR: place }, () => undefined);

    expect([existsSync(place), existsSync(real)]).toEqual([false, false]);
  });
});

describe('prepareDatabase', () => {
  const names = { database: 'shop', owner: 'shop_owner', app: 'shop_app' };

  it('makes two roles without privileges, also when it runs twice at once', async () => {
    server = await start();
    const [one, other] = await Promise.all([prepareDatabase(server.url, names), prepareDatabase(server.url, names)]);

    expect(one).toEqual(other);
    expect(
      await ask(
        server.url,
        `SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname LIKE 'shop%' ORDER BY 1`,
      ),
    ).toEqual([
      { rolname: 'shop_app', rolsuper: false, rolbypassrls: false },
      { rolname: 'shop_owner', rolsuper: false, rolbypassrls: false },
    ]);
    expect(await ask(one.appUrl, 'SELECT current_user, current_database()')).toEqual([
      { current_user: 'shop_app', current_database: 'shop' },
    ]);
    await ask(one.ownerUrl, 'CREATE TABLE stock (id int)');
    await expect(ask(one.appUrl, 'SELECT FROM stock')).rejects.toMatchObject({ code: '42501' });
  });

  it('can make owner and application one role', async () => {
    server = await start();
    const { ownerUrl, appUrl } = await prepareDatabase(server.url, { database: 'solo', owner: 'solo', app: 'solo' });

    expect(appUrl).toBe(ownerUrl);
    await ask(appUrl, 'CREATE TABLE stock (id int)');
  });
});
