// The shipped program, and whatever it is compared with, as processes of their own.
import { execFileSync, fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../bin/bootstrap.mjs';

const START_MS = 60_000;
const SECRET_KEY = `bench:${randomBytes(48).toString('base64')}`;
/** The first platform admin. */
export const ADMIN = { email: 'admin@bench.example', password: randomBytes(18).toString('base64url') };
/** No limit stands in the way of what is measured. */
const LIFTED = [
  'LOGIN',
  'LOGIN_ACCOUNT',
  'LOGIN_ADDRESS',
  'SIGNUP',
  'MFA',
  'RECOVERY',
  'REFRESH',
  'PAYMENTS',
  'EXPORT',
  'WEBHOOKS',
  'TENANT',
];

/**
 * @typedef {object} Server
 * @property {string} url
 * @property {number} pid
 * @property {number} started_ms - from the start of the process to its first good answer.
 * @property {() => Promise<void>} stop
 */

/**
 * What production wants, so that what is measured is what ships.
 * @param {import('./engines.mjs').Engines} engines
 */
export const productionOn = ({ appUrl, redisUrl, smtpUrl }) => ({
  NODE_ENV: 'production',
  LOG_LEVEL: 'info',
  HOST: '127.0.0.1',
  PUBLIC_URL: 'https://bench.example',
  POSTGRES_URL: appUrl,
  REDIS_URL: redisUrl,
  SMTP_URL: smtpUrl,
  SECRET_KEY,
  ADMIN_EMAIL: ADMIN.email,
  ADMIN_PASSWORD: ADMIN.password,
  PAYMENT_PROVIDER: 'simulator',
  // Nobody logs in again while it runs.
  ACCESS_TOKEN_EXPIRE_MINUTES: '1440',
});

/**
 * Starts the application as it ships; on data of its own where no engine's URL is given.
 * @param {Record<string, string>} [variables] beside the lifted limits.
 * @param {string[]} [flags] of Node.
 * @returns {Promise<Server>} once it is ready.
 */
export async function startServer(variables = {}, flags = []) {
  const directory = mkdtempSync(join(tmpdir(), 'omni-bench-'));
  const [port, opsPort] = [await freePort(), await freePort()];
  const begun = performance.now();
  const child = spawn(process.execPath, ['--enable-source-maps', ...flags, join(ROOT, 'dist/src/main.js')], {
    // Somewhere without a developer's .env.
    cwd: directory,
    // In a session of its own: a terminal's Ctrl-C reaches us, and we end it. It ends by itself when we are gone.
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      PATH: process.env.PATH,
      DATA_DIR: join(directory, 'data'),
      PORT: String(port),
      OPS_PORT: String(opsPort),
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: '1000000',
      ...Object.fromEntries(LIFTED.map((name) => [`RATE_LIMIT_${name}`, '1000000/1s'])),
      ...variables,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  // A worker listens on the ops port only.
  const probed = variables.PROCESS_ROLE === 'worker' ? `http://127.0.0.1:${opsPort}` : url;
  await ready(probed, child).catch(async (error) => {
    await stop();
    throw error;
  });
  return { url, pid: child.pid ?? 0, started_ms: performance.now() - begun, stop };
}

/**
 * @param {string} url
 * @param {import('node:child_process').ChildProcess} child
 */
async function ready(url, child) {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    await sleep(10);
  }
  throw new Error(`The server was not ready within ${START_MS} ms`);
}

/**
 * Starts what we are compared with: a file of `bench/bare`, which says once that it is ready and then answers messages.
 * @param {string} name
 * @param {Record<string, string>} [env]
 */
export async function startBare(name, env = {}) {
  const file = join(import.meta.dirname, 'bare', `${name}.mjs`);
  const child = fork(file, { env: { PATH: process.env.PATH, ...env }, detached: process.platform !== 'win32' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const hello = await Promise.race([once(child, 'message').then(([message]) => message), ended]);
  if (typeof hello !== 'object' || hello === null) throw new Error(`${name} did not start`);
  return {
    /** What it said when it was ready. */
    hello,
    pid: child.pid ?? 0,
    /** @param {object} message */
    async ask(message) {
      const answer = Promise.race([once(child, 'message'), ended]);
      child.send(message);
      const said = await answer;
      if (!Array.isArray(said)) throw new Error(`${name} ended before it answered`);
      return said[0];
    },
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/**
 * What a process has in memory, in megabytes: as Linux tells it, or `ps` elsewhere.
 * @param {number} pid
 */
export function residentOf(pid) {
  const kilobytes = existsSync(`/proc/${pid}/status`)
    ? /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  return Number(kilobytes) / 1_024;
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
