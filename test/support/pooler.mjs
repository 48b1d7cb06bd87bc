// PgBouncer in transaction mode, by which all apps under test go to the run's PostgreSQL: `npm run test:cluster`.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { asSuperuser } from './superuser.mjs';

const PROGRAM = 'pgbouncer';
const START_MS = 15_000;

/** What a session would keep, and a pooler of transactions does not: the server is told for the role instead. */
const OF_THE_ROLE = ['statement_timeout', 'idle_in_transaction_session_timeout'];

/**
 * @param {{ directory: string, superUrl: string, appUrl: string, connections: number, milliseconds: number }} options -
 *   how many connections to the server a database has at most, and how long the role's statements may take.
 * @returns {Promise<{ pid: number, url: string }>} the application's URL by way of it.
 */
export async function startPooler({ directory, superUrl, appUrl, connections, milliseconds }) {
  const [{ findProgram, isRoot, searchPath }, { freePort, isFree }] = await Promise.all([
    import('../../dist/src/config/host.js'),
    import('../../dist/src/dev/processes.js'),
  ]);
  const program = findProgram([PROGRAM], searchPath());
  if (!program) throw new Error(`This needs ${PROGRAM}`);
  const [user, password] = ['username', 'password'].map((part) => decodeURIComponent(new URL(appUrl)[part]));
  const [server, port] = [new URL(superUrl), await freePort()];
  const lines = [
    '[databases]',
    `* = host=${server.hostname} port=${server.port || 5432}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = plain',
    'auth_file = users.txt',
    'pool_mode = transaction',
    `default_pool_size = ${connections}`,
    // There are hundreds of databases in a run, and the server has a hundred connections.
    'server_idle_timeout = 3',
    'max_client_conn = 2000',
    `ignore_startup_parameters = ${OF_THE_ROLE.join(',')}`,
    `admin_users = ${user}`,
  ];
  mkdirSync(directory);
  // It refuses to be root, and whoever it is instead must read its files.
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, 'pgbouncer.ini'), `${lines.join('\n')}\n`);
  writeFileSync(join(directory, 'users.txt'), `"${user}" "${password.replaceAll('"', '""')}"\n`);
  await asSuperuser(superUrl, async (client) => {
    for (const name of OF_THE_ROLE) await client.query(`ALTER ROLE "${user}" SET ${name} = '${milliseconds}ms'`);
  });
  const as = isRoot() ? ['-u', 'nobody'] : [];
  const child = spawn(program, [...as, 'pgbouncer.ini'], { cwd: directory, stdio: 'ignore' });
  child.unref();
  const deadline = Date.now() + START_MS;
  while (await isFree(port, '127.0.0.1')) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${PROGRAM} does not start`);
    await setTimeout(50);
  }
  return { pid: child.pid, url: Object.assign(new URL(appUrl), { hostname: '127.0.0.1', port }).href };
}
