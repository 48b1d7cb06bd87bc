import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { findProgram, isRoot, searchPath } from '../../src/config/host.js';
import { engines, temporaryFolder } from './engines.js';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';

export const PGBOUNCER = ['pgbouncer'];

/** What a session would keep, and a transaction pooler does not: the server is told for the role instead. */
const LEFT_OUT = 'statement_timeout,idle_in_transaction_session_timeout';

/** PgBouncer in transaction mode before the run's PostgreSQL, for the application's role. */
export class Pooler {
  private constructor(
    private readonly port: number,
    private readonly child: ChildProcess,
  ) {}

  static async start(poolSize: number): Promise<Pooler> {
    const { superUrl, appUrl } = engines();
    const { username, password } = new URL(appUrl);
    const server = new URL(superUrl);
    const port = await freePort();
    const directory = temporaryFolder();
    const lines = [
      '[databases]',
      `* = host=${server.hostname} port=${server.port || 5432}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = plain',
      `auth_file = ${join(directory, 'users.txt')}`,
      'pool_mode = transaction',
      `default_pool_size = ${poolSize}`,
      'max_client_conn = 500',
      `ignore_startup_parameters = ${LEFT_OUT}`,
      `admin_users = ${decodeURIComponent(username)}`,
    ];
    writeFileSync(join(directory, 'pgbouncer.ini'), `${lines.join('\n')}\n`);
    const [user, secret] = [username, password].map((text) => decodeURIComponent(text).replaceAll('"', '""'));
    writeFileSync(join(directory, 'users.txt'), `"${user}" "${secret}"\n`);
    // It refuses to be root, and whoever it is instead must read its files.
    chmodSync(directory, 0o755);
    const client = new Client({ connectionString: superUrl });
    await client.connect();
    await client.query(`ALTER ROLE "${user}" SET statement_timeout = '7s'`);
    await client.end();
    const args = [...(isRoot() ? ['-u', 'nobody'] : []), join(directory, 'pgbouncer.ini')];
    const child = spawn(findProgram(PGBOUNCER, searchPath())!, args, { cwd: directory, stdio: 'ignore' });
    const pooler = new Pooler(port, child);
    await eventually(async () => (await pooler.pools()).length > 0);
    return pooler;
  }

  /** The same database by way of it. */
  by(url: string): string {
    return Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(this.port) }).href;
  }

  /** What it says of its pools: one for each database and role. */
  async pools(): Promise<{ database: string; cl_active: number; sv_active: number; sv_idle: number }[]> {
    const url = Object.assign(new URL(this.by(engines().appUrl)), { pathname: '/pgbouncer' }).href;
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query('SHOW POOLS')).rows;
    } finally {
      await client.end();
    }
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}
