import { Redis } from 'ioredis';
import { Tokens } from '../../src/auth/tokens.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { Limiter } from '../../src/limits/limiter.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';
import { describeWithRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { askOn, BEHIND_GATEWAY, passed, PATIENT, someAddress, times } from '../support/visitors.js';
import { Wire } from '../support/wire.js';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ settings: BEHIND_GATEWAY, timings: PATIENT });
});

describe('without Redis', () => {
  it('one process counts on its own', async () => {
    const alone = await startApp({ redis: 'none', settings: { ...BEHIND_GATEWAY, RATE_LIMIT_PER_MINUTE: '10' } });
    const address = someAddress();

    expect(passed(await times(30, () => askOn(alone, address)))).toBe(10);
    expect(alone.app.get(Limiter).degraded).toBe(false);
    await alone.close();
  });
});

describeWithRedis('with Redis', () => {
  it('two processes count as one: of 240 requests by turns 60 pass (RL1)', async () => {
    const settings = { ...BEHIND_GATEWAY, RATE_LIMIT_PER_MINUTE: '60' };
    const processes = await Promise.all([
      startProcess({ settings, timings: PATIENT }),
      startProcess({ settings, timings: PATIENT }),
    ]);
    const address = someAddress();
    const answers = await times(240, (index) => askOn(processes[index % 2], address));

    expect(passed(answers)).toBe(60);
    await Promise.all(processes.map((one) => one.kill('SIGTERM')));
  });

  it('nothing in it names a user, an address or an account', async () => {
    const address = someAddress();
    const email = 'canary@example.com';
    const token = await app.app.get(Tokens).sign({ user_id: uuidv7(), session_id: uuidv7(), tenant_id: uuidv7() });
    const { sub } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
    await askOn(app, address, { authorization: `Bearer ${token}` });
    await app.send('POST', '/auth/login', {
      body: { email, password: 'wrong' },
      headers: { 'x-forwarded-for': address },
    });
    const redis = new Redis(app.settings.REDIS_URL ?? '');
    const keys = await redis.keys('{limits}:*');
    const content = [...keys, ...(await redis.mget(keys))].join();
    await redis.quit();

    expect(keys.length).toBeGreaterThanOrEqual(3);
    for (const name of [address, email, 'canary', sub]) expect(content).not.toContain(name);
  });

  it('goes on without it, a login under stricter limits, and comes back to it (RL7)', async () => {
    const wire = await Wire.to(app.settings.REDIS_URL ?? '');
    const limits = { RATE_LIMIT_LOGIN: '8/1h', RATE_LIMIT_LOGIN_ACCOUNT: '5/1h' };
    const wired = await startApp({
      settings: { ...BEHIND_GATEWAY, ...limits, REDIS_URL: wire.url },
      timings: { ...PATIENT, limiter_retry_ms: 50 },
    });
    const limiter = wired.app.get(Limiter);
    const statuses: number[] = [];
    let loading = true;
    const load = times(4, async () => {
      while (loading) statuses.push((await askOn(wired)).status);
    });
    const more = (count: number, since = statuses.length) => eventually(() => statuses.length >= since + count);
    const logIn = (email: string, address = someAddress()): Promise<Answer> =>
      wired.send('POST', '/auth/login', {
        body: { email, password: 'wrong' },
        headers: { 'x-forwarded-for': address },
      });

    await more(20);
    await wire.cut();
    await eventually(() => limiter.degraded);
    await more(20);
    const address = someAddress();
    const guesses = [];
    for (let guess = 0; guess < 3; guess++) guesses.push(await logIn('guess@example.com', address));
    const spread = await times(7, () => logIn('ada@example.com'));

    expect(guesses.map(({ status }) => status)).toEqual([401, 401, 429]);
    expect(guesses[2].headers.get('ratelimit-policy')).toBe('"login";q=2;w=3600');
    expect(passed(spread)).toBe(5);

    await wire.mend();
    await eventually(() => !limiter.degraded);
    await more(20);
    loading = false;
    await load;
    expect((await logIn('bob@example.com')).headers.get('ratelimit-policy')).toBe('"login";q=8;w=3600');
    expect(new Set(statuses)).toEqual(new Set([401]));
    await wired.close();
    await wire.cut();
  });
});
