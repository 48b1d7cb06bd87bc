// The shipped program on throw-away data, for whoever measures it.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../bin/bootstrap.mjs';

const START_MS = 60_000;
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
 * @param {Record<string, string>} [variables] beside the lifted limits.
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>} once it is ready.
 */
export async function startServer(variables = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'omni-bench-'));
  const [port, opsPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, ['--enable-source-maps', join(ROOT, 'dist/src/main.js')], {
    // Somewhere without a developer's .env.
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
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
  await ready(url, child).catch(async (error) => {
    await stop();
    throw error;
  });
  return { url, stop };
}

/**
 * @param {string} url
 * @param {import('node:child_process').ChildProcess} child
 */
async function ready(url, child) {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    if (answer?.ok) return;
    await sleep(50);
  }
  throw new Error(`The server was not ready within ${START_MS} ms`);
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
