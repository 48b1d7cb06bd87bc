import { Cluster } from 'ioredis';
import { Keyring } from '../../src/common/keyring.js';
import { Settings } from '../../src/config/settings.js';
import { Limiter } from '../../src/limits/limiter.js';
import { RedisCache } from '../../src/redis/redis-cache.js';
import { RedisClients } from '../../src/redis/redis-clients.js';
import { RedisLimiterStorage } from '../../src/redis/redis-limiter.js';
import { cacheContract, PATIENT as PATIENT_CACHE } from '../contract/cache.contract.js';
import { limiterContract } from '../contract/limiter.contract.js';
import { startApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { mailedTo, signUpWhile, UNHURRIED_MAIL } from '../support/sign-ups.js';
import { describeWithPrograms, REDIS_TOOLS, startCluster, type RedisProcess } from '../support/topologies.js';
import { askOn, BEHIND_GATEWAY, passed, PATIENT, someAddress, times } from '../support/visitors.js';

jest.setTimeout(240_000);

describeWithPrograms(...REDIS_TOOLS)('a cluster of three', () => {
  let url: string;
  let nodes: readonly RedisProcess[];
  let clients: RedisClients;
  const settings = (): Settings =>
    Object.assign(new Settings(), {
      REDIS_URL: url,
      REDIS_CACHE_URL: url,
      SECRET_KEY: new Map([['1', 'a secret of the cluster that is long enough']]),
    });
  beforeAll(async () => {
    ({ url, nodes } = await startCluster());
    clients = new RedisClients(settings(), PATIENT_CACHE);
    await clients.onModuleInit();
  });
  afterAll(() => clients.onApplicationShutdown());

  describe('counts limits', () => {
    let storage: RedisLimiterStorage;
    beforeAll(() => (storage = new RedisLimiterStorage(clients)));
    limiterContract(() => storage);
  });

  describe('keeps copies', () => {
    let cache: RedisCache;
    beforeAll(() => (cache = new RedisCache(clients, new Keyring(settings()))));
    cacheContract(() => cache);

    it('on all of its nodes', async () => {
      for (let count = 0; count < 100; count++) await cache.open(`t:tenant:user:${count}`);
      const sizes = (clients.cache as Cluster).nodes('master').map((node) => node.keys('t:tenant:user:*'));

      for (const keys of await Promise.all(sizes)) expect(keys.length).toBeGreaterThan(10);
    });
  });

  it('carries the queues: every mail of many sign-ups arrives once, and the metrics know the queues', async () => {
    const app = await startApp({ database: 'own', settings: { REDIS_URL: url }, timings: UNHURRIED_MAIL });
    const addresses = await signUpWhile(app, (count) => count < 200);

    expect(await mailedTo(app)).toEqual(addresses.toSorted());
    const metrics = await (await fetch(`${app.opsUrl}/metrics`)).text();
    expect(metrics).toMatch(/^omni_queue_jobs\{queue="mail(:add)?",state="waiting"\} \d+$/m);
    expect(metrics).toMatch(/^omni_dependency_up\{dependency="redis"\} 1$/m);
    expect(app.logs.filter((line) => /CROSSSLOT|"level":"error"/.test(line))).toEqual([]);
    await app.close();
  });

  it('counts for two processes as one', async () => {
    const options = { settings: { ...BEHIND_GATEWAY, RATE_LIMIT_PER_MINUTE: '60', REDIS_URL: url }, timings: PATIENT };
    const apps = [await startApp(options), await startApp(options)];
    const address = someAddress();

    expect(passed(await times(240, (index) => askOn(apps[index % 2]!, address)))).toBe(60);
    for (const app of apps) await app.close();
  });

  it('may lose a node: nobody is answered 5xx, and no mail is lost', async () => {
    const app = await startApp({ database: 'own', settings: { REDIS_URL: url }, timings: UNHURRIED_MAIL });
    const limiter = app.app.get(Limiter);
    let over = false;
    const statuses: number[] = [];
    const load = times(4, async () => {
      while (!over) statuses.push((await askOn(app)).status);
    });
    await eventually(() => statuses.length > 50);
    for (const { child } of nodes) child.kill('SIGSTOP');
    await eventually(() => limiter.degraded);
    const addresses = await signUpWhile(app, (count) => count < 20);
    for (const { child } of nodes) child.kill('SIGCONT');
    await eventually(() => !limiter.degraded);
    over = true;
    await load;

    expect(await mailedTo(app)).toEqual(addresses.toSorted());
    expect(new Set(statuses)).toEqual(new Set([401]));
    await app.close();
  });
});
