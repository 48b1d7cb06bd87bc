import { Redis } from 'ioredis';
import type { TestApp } from './app.js';

/** Every key of the app's Redis with its value, whatever its type, as `key: value`; nothing where there is no Redis. */
export async function redisContents(app: TestApp): Promise<string[]> {
  const { REDIS_URL } = app.settings;
  if (!REDIS_URL) return [];
  const redis = new Redis(REDIS_URL);
  try {
    const keys: string[] = [];
    for await (const found of redis.scanStream({ count: 1_000 })) keys.push(...(found as string[]));
    const entries = await Promise.all(keys.map(async (key) => ({ key, value: await valueOf(redis, key) })));
    // What was gone before it was read is not there.
    return entries
      .filter(({ value }) => value !== null && value !== undefined)
      .map(({ key, value }) => `${key}: ${JSON.stringify(value)}`);
  } finally {
    await redis.quit();
  }
}

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key);
  switch (type) {
    case 'none':
      return null;
    case 'string':
      return (await redis.getBuffer(key))?.toString('latin1');
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, 0, -1, 'WITHSCORES');
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      throw new Error(`${key} is of type ${type}, which nobody reads here`);
  }
}
