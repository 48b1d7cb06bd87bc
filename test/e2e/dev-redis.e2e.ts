import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { isAlive } from '../../src/dev/processes.js';
import { startRedis, type RedisServer } from '../../src/dev/redis.js';

const folder = mkdtempSync(join(tmpdir(), 'omni-redis-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a machine without Redis', () => {
  it('gets none, and hears how to install one', async () => {
    const said: string[] = [];

    expect(await startRedis({ directory: folder, path: [folder], say: (line) => said.push(line) })).toBeNull();
    expect(said.join()).toContain('apt install redis-server');
  });
});

describe('the spawned Redis', () => {
  const directory = join(folder, 'redis');
  const said: string[] = [];
  let server: RedisServer | undefined;

  async function start(): Promise<RedisServer> {
    server = (await startRedis({ directory, say: (line) => said.push(line) })) ?? undefined;
    if (!server) throw new Error(`No Redis to test with: ${said.join()}`);
    return server;
  }

  async function ask<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(url, { retryStrategy: null });
    redis.on('error', () => undefined);
    try {
      return await question(redis);
    } finally {
      redis.disconnect();
    }
  }

  afterEach(() => server?.stop());

  it('lets nobody in without the password, and tells it to no other user', async () => {
    const { port, url } = await start();
    const { password } = new URL(url);

    await expect(ask(`redis://127.0.0.1:${port}`, (redis) => redis.ping())).rejects.toThrow('NOAUTH');
    expect(statSync(join(directory, 'redis.conf')).mode & 0o077).toBe(0);
    expect(readFileSync(join(directory, 'redis.conf'), 'utf8')).toContain(password);
  });

  it('is set up for a queue: nothing is evicted, everything is kept', async () => {
    const { url } = await start();

    expect(await ask(url, (redis) => redis.config('GET', 'maxmemory-policy'))).toEqual([
      'maxmemory-policy',
      'noeviction',
    ]);
    expect(await ask(url, (redis) => redis.config('GET', 'appendonly'))).toEqual(['appendonly', 'yes']);
  });

  it('keeps what was written across a stop and a start', async () => {
    const { url, stop } = await start();
    await ask(url, (redis) => redis.set('kept', '1'));
    await stop();

    expect(await ask((await start()).url, (redis) => redis.get('kept'))).toBe('1');
  });

  it('takes over from a server that a killed process left behind, and loses nothing', async () => {
    const orphan = await start();
    await ask(orphan.url, (redis) => redis.set('orphaned', '1'));

    const { url } = await start();

    expect(await isAlive(orphan.pid)).toBe(false);
    expect(await ask(url, (redis) => redis.get('orphaned'))).toBe('1');
  });
});
