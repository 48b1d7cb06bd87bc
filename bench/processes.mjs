// Processes by themselves: how soon one is there, and what it has in memory.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './engines.mjs';
import { load } from './load.mjs';
import { readers } from './requests.mjs';
import { READERS } from './seed.mjs';
import { residentOf, startServer } from './server.mjs';

/** @typedef {import('./requests.mjs').Cell} Cell */
/** @typedef {import('./seed.mjs').Stage} Stage */

/**
 * From the start of the process to its first good answer to `/health/ready`. In production the engines are there and the
 * tables are migrated; in development PostgreSQL, Redis and the mail inbox are started too, on data that is there. Bare is
 * the server by hand until it listens, which says more of the machine than of us: a start is nothing but processor time.
 * @param {Stage} stage
 * @returns {Promise<Cell[]>}
 */
export async function start({ variables, startBareServer }) {
  const { REDIS_URL: _, ...withoutRedis } = variables;
  const DATA_DIR = await mkdtemp(join(tmpdir(), 'omni-bench-'));
  atEnd(() => rm(DATA_DIR, { recursive: true, force: true, maxRetries: 5 }));
  await started({ DATA_DIR });
  /** @type {[label: string, variables: Record<string, string>, most: number][]} */
  const modes = [
    ['minimal', { ...withoutRedis, OMNI_MINIMAL: '1' }, 1_000],
    ['standalone', variables, 2_500],
    ['internal', { ...variables, RUN_AS_INTERNAL: '1', TRUSTED_PROXY_CIDRS: '10.0.0.0/8' }, 2_500],
    ['standalone in development, with its engines', { DATA_DIR }, 2_500],
  ];
  return modes.map(([mode, its, most]) => ({
    label: `start: ${mode}`,
    unit: ' ms',
    most,
    ours: async () => ({ rate: await started(its) }),
    bare: startBareServer,
  }));
}

/** @param {Record<string, string>} variables */
async function started(variables) {
  const server = await startServer(variables);
  await server.stop();
  return server.started_ms;
}

/**
 * The most that is resident while people read and list.
 * @param {Stage} stage
 * @returns {Promise<Cell[]>}
 */
export async function memory(stage) {
  const people = await readers(stage);
  const both = await startServer(stage.variables);
  atEnd(both.stop);
  const reading = (/** @type {string} */ url) => (/** @type {number} */ seconds) => {
    const ask = (/** @type {number} */ turn, /** @type {number} */ index) => ({
      method: 'GET',
      path: turn % 4 ? '/api/v1/users/me' : '/api/v1/users?per_page=100',
      token: people[turn % 4 ? index % READERS : 0]?.token,
    });
    return load(url, ask, { seconds, connections: 32 });
  };
  const { app } = stage;
  return [
    memoryOf('memory: an API process while it answers', app.pid, reading(app.url)),
    memoryOf('memory: a process that does both (`PROCESS_ROLE=all`)', both.pid, reading(both.url)),
  ];
}

/**
 * The most that a process has in memory while something is done with it.
 * @param {string} label
 * @param {number} pid
 * @param {(seconds: number) => Promise<unknown>} work
 * @returns {Cell}
 */
export function memoryOf(label, pid, work) {
  return {
    label,
    unit: ' MB',
    most: 150,
    async ours(seconds) {
      let most = 0;
      const look = setInterval(() => (most = Math.max(most, residentOf(pid))), 100);
      await work(seconds).finally(() => clearInterval(look));
      return { rate: most };
    },
  };
}
