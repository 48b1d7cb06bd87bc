import { Redis } from 'ioredis';
import { InvalidSettingsError } from '../../src/config/read-settings.js';
import { RedisClients } from '../../src/redis/redis-clients.js';
import { Limiter } from '../../src/limits/limiter.js';
import type { RedisServer } from '../../src/dev/redis.js';
import { startApp, type TestApp } from '../support/app.js';
import { describeWithRedis, ownRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { startShipped } from '../support/shipped.js';
import { mailedTo, signUpWhile, UNHURRIED_MAIL } from '../support/sign-ups.js';
import { times } from '../support/visitors.js';
import { Wire } from '../support/wire.js';

jest.setTimeout(180_000);

const SOME = 30;

const asked = async (url: string, ...command: [string, ...string[]]): Promise<void> => {
  const redis = new Redis(url);
  await redis.call(...command);
  await redis.quit();
};

type Deed = (redis: RedisServer, wire: Wire) => unknown;

/** Requests without end: who is who, a list, a change, and what is counted before anybody is known. */
class Load {
  readonly statuses = new Map<number, number>();
  private over = false;
  private readonly lanes: Promise<unknown>;

  constructor(app: TestApp, token: string) {
    const questions = [
      () => app.request('GET', '/users/me', { token }),
      () => app.request('GET', '/users', { token }),
      () => app.request('PATCH', '/users/me', { token, body: { full_name: `Ada ${this.count}` } }),
      () => app.request('GET', '/users/me'),
    ];
    this.lanes = times(8, async (lane) => {
      for (let turn = lane; !this.over; turn++) {
        const { status } = await questions[turn % questions.length]!();
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      }
    });
  }

  get count(): number {
    return [...this.statuses.values()].reduce((sum, count) => sum + count, 0);
  }

  more(count: number): Promise<unknown> {
    const until = this.count + count;
    return eventually(() => this.count >= until, { within: 60_000 });
  }

  async end(): Promise<void> {
    this.over = true;
    await this.lanes;
  }
}

describeWithRedis('a Redis in trouble (R5): one that', () => {
  it.each<[what: string, ruin: Deed, heal: Deed]>([
    ['goes away', (_, wire) => wire.cut(), (_, wire) => wire.mend()],
    ['hangs', ({ pid }) => process.kill(pid, 'SIGSTOP'), ({ pid }) => process.kill(pid, 'SIGCONT')],
    ['forgets everything', ({ url }) => asked(url, 'FLUSHALL'), () => undefined],
    [
      'is full, and drops keys',
      async ({ url }) => {
        await asked(url, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
        await asked(url, 'CONFIG', 'SET', 'maxmemory', '1');
      },
      ({ url }) => asked(url, 'CONFIG', 'SET', 'maxmemory', '0'),
    ],
    [
      'is full, and takes nothing more',
      ({ url }) => asked(url, 'CONFIG', 'SET', 'maxmemory', '1'),
      ({ url }) => asked(url, 'CONFIG', 'SET', 'maxmemory', '0'),
    ],
  ])('%s under load costs nobody an answer and no mail, and is used again afterwards', async (_, ruin, heal) => {
    const redis = await ownRedis();
    const wire = await Wire.to(redis.url);
    const app = await startApp({
      database: 'own',
      settings: { REDIS_URL: wire.url },
      timings: { ...UNHURRIED_MAIL, limiter_retry_ms: 50 },
    });
    const admin = await app.admin();
    const load = new Load(app, admin.token);
    await load.more(100);
    await ruin(redis, wire);
    const [addresses] = await Promise.all([signUpWhile(app, (count) => count < SOME), load.more(200)]);
    await heal(redis, wire);
    await eventually(() => !app.app.get(Limiter).degraded);
    await eventually(() =>
      app.app
        .get(RedisClients)
        .probe()
        .then(() => true),
    );
    await load.more(100);
    await load.end();

    expect(await mailedTo(app)).toEqual(addresses.toSorted());
    expect([...load.statuses.keys()].toSorted()).toEqual([200, 401]);
    await app.close();
    await wire.cut();
    await redis.stop();
  });
});

describeWithRedis('a Redis that drops keys when it is full', () => {
  it('stops the start of production with status 78 and a sentence, and is warned of elsewhere', async () => {
    const redis = await ownRedis();
    await asked(redis.url, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const said = /REDIS_URL has maxmemory-policy allkeys-lru: queues want noeviction/;
    const warned = await startApp({ settings: { REDIS_URL: redis.url, REDIS_CACHE_URL: redis.url } });
    expect(warned.logs.filter((line) => said.test(line))).toHaveLength(1);
    await warned.close();

    const refused = startShipped({ settings: { REDIS_URL: redis.url } });
    await expect(refused).rejects.toThrow(/^It ended with 78 /);
    await expect(refused).rejects.toThrow(said);
    const settings = { NODE_ENV: 'production', PUBLIC_URL: 'http://localhost', REDIS_URL: redis.url };
    await expect(startApp({ settings })).rejects.toBeInstanceOf(InvalidSettingsError);
    await redis.stop();
  });

  it('may do so where it holds limits and copies alone, or where nobody may ask it', async () => {
    const [queues, cache] = [await ownRedis(), await ownRedis()];
    await asked(cache.url, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await asked(queues.url, 'ACL', 'SETUSER', 'omni', 'on', '>secret', '~*', '&*', '+@all', '-info');
    const REDIS_URL = Object.assign(new URL(queues.url), { username: 'omni', password: 'secret' }).href;
    const settings = {
      NODE_ENV: 'production',
      PUBLIC_URL: 'http://localhost',
      REDIS_URL,
      REDIS_CACHE_URL: cache.url,
    };
    const app = await startApp({ settings });

    expect(app.logs.join()).toContain('REDIS_URL does not tell its maxmemory-policy: queues want noeviction');
    expect(app.logs.join()).not.toContain('allkeys-lru');
    await app.close();
    await Promise.all([queues.stop(), cache.stop()]);
  });
});
