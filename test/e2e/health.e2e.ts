import { request as httpRequest } from 'node:http';
import { Injectable, Module } from '@nestjs/common';
import { Probe } from '../../src/common/probes.js';
import { migrate } from '../../src/database/migrate.js';
import { HealthService } from '../../src/health/health.service.js';
import { startApp, type TestApp } from '../support/app.js';
import { sendTo, type Answer } from '../support/client.js';
import { emptyDatabase } from '../support/connections.js';
import { describeWithRedis, engines } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { PATIENT } from '../support/visitors.js';
import { Wire } from '../support/wire.js';

const ready = (app: TestApp): Promise<Answer> => app.request('GET', '~/health/ready');
const live = (app: TestApp): Promise<Answer> => app.request('GET', '~/health/live');
const OK = engines().redisUrl ? 'ok' : expect.stringMatching(/^(ok|degraded)$/);

/** Both, as a balancer and an orchestrator see them. */
const states = async (app: TestApp): Promise<string> => {
  const [{ status: alive }, { status, body }] = [await live(app), await ready(app)];
  return `${alive} alive, ${status} ${body.status}`;
};

describe('with everything in its place', () => {
  let app: TestApp;
  beforeAll(async () => (app = await startApp({ timings: PATIENT })));

  it('the process is alive and ready', async () => {
    expect((await live(app)).body).toEqual({ status: 'ok' });
    expect((await ready(app)).body).toEqual({ status: OK });
  });

  it('nobody keeps the answer', async () => {
    for (const answer of [await live(app), await ready(app)])
      expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('takes no query', async () => {
    expect((await app.request('GET', '~/health/live?verbose=1')).status).toBe(422);
  });
});

describe('a dependency', () => {
  /** Stands for one that the test can see. */
  @Injectable()
  class Watched {
    asked = 0;
    answer: Promise<void> = Promise.resolve();

    @Probe({ name: 'mongodb', critical: false })
    async probe(): Promise<void> {
      this.asked += 1;
      await this.answer;
    }
  }

  @Module({ providers: [Watched] })
  class WatchedModule {}

  let app: TestApp;
  let watched: Watched;
  beforeAll(async () => {
    // The others answer within that on a machine that is busy; this is how long nobody waits for one that does not.
    const timings = { probe_ms: 3_000 };
    // Without a MongoDB, whose name it has.
    app = await startApp({ database: 'own', modules: [WatchedModule], settings: { MONGODB_URL: '' }, timings });
    watched = app.app.get(Watched, { strict: false });
  });

  it('is asked once, however many want to know at once', async () => {
    const health = app.app.get(HealthService, { strict: false });
    watched.asked = 0;
    await Promise.all(Array.from({ length: 50 }, () => health.readiness()));

    expect(watched.asked).toBe(1);
  });

  it('that never answers is as good as away, and keeps nobody waiting', async () => {
    watched.answer = new Promise(() => undefined);

    expect((await ready(app)).body).toEqual({ status: 'degraded' });
  });

  it('that is not critical makes nothing worse than degraded', async () => {
    watched.answer = Promise.reject(new Error('down'));

    expect(await states(app)).toBe('200 alive, 200 degraded');
  });
});

describe('without SMTP', () => {
  it('the service is degraded and serves on; with it, it is whole again', async () => {
    const { inbox } = await startApp();
    const wire = await Wire.to(inbox.url);
    // What a probe of SMTP has found is good for ten times its patience.
    const app = await startApp({ settings: { SMTP_URL: wire.url }, timings: { probe_ms: 500 } });
    await eventually(async () => expect((await ready(app)).body.status).toEqual(OK));

    await wire.cut();
    await eventually(async () => expect(await states(app)).toBe('200 alive, 200 degraded'));
    await expect(app.signUp()).resolves.toBeDefined();

    await wire.mend();
    await eventually(async () => expect((await ready(app)).body.status).toEqual(OK));
    await wire.cut();
  });
});

describeWithRedis('without Redis', () => {
  it('the service is degraded and serves on; with it, it is whole again', async () => {
    const { REDIS_URL } = (await startApp()).settings;
    const wire = await Wire.to(REDIS_URL!);
    const settings = { REDIS_URL: wire.url, REDIS_CACHE_URL: wire.url };
    const app = await startApp({ settings, timings: PATIENT });
    expect((await ready(app)).body).toEqual({ status: 'ok' });

    await wire.cut();
    await eventually(async () => expect(await states(app)).toBe('200 alive, 200 degraded'));
    await expect(app.signUp()).resolves.toBeDefined();

    await wire.mend();
    await eventually(async () => expect(await states(app)).toBe('200 alive, 200 ok'));
    await app.close();
    await wire.cut();
  });
});

describeWithRedis('without the Redis of cache and limits alone', () => {
  it('the service is degraded and serves on; with it, it is whole again', async () => {
    const { REDIS_URL } = (await startApp()).settings;
    const wire = await Wire.to(REDIS_URL!);
    const app = await startApp({ settings: { REDIS_CACHE_URL: wire.url }, timings: PATIENT });
    await eventually(async () => expect(await states(app)).toBe('200 alive, 200 ok'));

    await wire.cut();
    await eventually(async () => expect(await states(app)).toBe('200 alive, 200 degraded'));
    await expect(app.signUp()).resolves.toBeDefined();

    await wire.mend();
    await eventually(async () => expect(await states(app)).toBe('200 alive, 200 ok'));
    await app.close();
    await wire.cut();
  });
});

describe('without PostgreSQL', () => {
  it('the process lives, is not ready, and says 503 to everybody, until it is back (R4)', async () => {
    const { settings } = await startApp();
    const wire = await Wire.to(settings.POSTGRES_URL);
    const app = await startApp({ settings: { POSTGRES_URL: wire.url }, timings: PATIENT });
    const ada = await app.signUp();
    expect((await ready(app)).status).toBe(200);

    await wire.cut();
    await eventually(async () => expect(await states(app)).toBe('200 alive, 503 unavailable'));
    const answers = [
      await ada.get('/users/me'),
      await ada.patch('/users/me', { full_name: 'Ada King' }),
      await app.request('POST', '/users', {
        body: { email: 'out@example.com', password: 'Password123', full_name: 'Out' },
      }),
      await app.request('POST', '/auth/login', { body: { email: ada.email, password: ada.password } }),
    ];
    for (const { status, headers, body } of answers) {
      expect({ status, code: body.code }).toEqual({ status: 503, code: 'unavailable' });
      expect(headers.get('retry-after')).toMatch(/^\d+$/);
    }

    await wire.mend();
    await eventually(async () => expect((await ready(app)).status).toBe(200));
    expect((await ada.get('/users/me')).body).toEqual(ada.user);
    await app.close();
    await wire.cut();
  });

  it('that is migrated, the process is not ready, until somebody migrates it', async () => {
    const urls = await emptyDatabase();
    // With users in MongoDB there is no such start: users.two-stores.starts.e2e.ts.
    const settings = { POSTGRES_URL: urls.appUrl, POSTGRES_OWNER_URL: urls.ownerUrl, MONGODB_URL: '' };
    const app = await startApp({ settings });
    expect(await states(app)).toBe('200 alive, 503 unavailable');

    await migrate(urls);

    await eventually(async () => expect((await ready(app)).status).toBe(200));
  });
});

describe('the ops port', () => {
  /** fetch() would choose the Host itself. */
  const ask = (
    base: string,
    path: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const sent = httpRequest(`${base}${path}`, { headers, agent: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      });
      sent.on('error', reject).end();
    });

  describe('on loopback', () => {
    let app: TestApp;
    beforeAll(async () => (app = await startApp({ timings: PATIENT })));

    it('tells what each dependency is doing, and what waits in the outbox', async () => {
      const { status, body } = await sendTo(app.opsUrl)('GET', '~/health');

      expect(status).toBe(200);
      expect(body).toMatchObject({
        status: OK,
        dependencies: {
          postgres: { critical: true, status: 'ok', ms: expect.any(Number) },
          smtp: { critical: false, status: 'ok', ms: expect.any(Number) },
        },
        outbox: expect.any(Object),
      });
      if (engines().redisUrl) expect(body.dependencies.redis).toMatchObject({ critical: false, status: 'ok' });
    });

    it('tells no secret', async () => {
      const { text } = await sendTo(app.opsUrl)('GET', '~/health');

      expect(text).not.toMatch(/postgres(ql)?:\/\/|redis:\/\/|smtp:\/\/|password/);
    });

    it.each(['localhost', '127.0.0.1', '127.0.0.1:4000', 'LOCALHOST', '[::1]:3001'])(
      'is there for %s',
      async (host) => {
        expect((await ask(app.opsUrl, '/health', { host })).status).toBe(200);
      },
    );

    it.each([
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '127.0.0.2',
      'localhost@evil.example',
    ])('is not there for a web page that has %j resolve to it', async (host) => {
      const { status, text } = await ask(app.opsUrl, '/health', { host });

      expect([400, 404]).toContain(status);
      expect(text).not.toContain('dependencies');
    });

    it.each(['/health/live', '/health/ready'])('says %s to everybody', async (path) => {
      expect((await ask(app.opsUrl, path, { host: 'pod-17.cluster.internal' })).status).toBe(200);
    });

    it('has none of the routes of the API, and the API none of its own', async () => {
      expect((await ask(app.opsUrl, '/api/v1/users', { host: 'localhost' })).status).toBe(404);
      expect((await app.request('GET', '~/health')).status).toBe(404);
    });
  });

  describe('elsewhere', () => {
    let app: TestApp;
    beforeAll(async () => {
      const settings = { OPS_HOST: '0.0.0.0', OPS_TOKEN: 'a-token-for-operators' };
      app = await startApp({ settings, timings: PATIENT });
    });

    it.each([
      ['no token', {}],
      ['another token', { authorization: 'Bearer a-token-for-operator' }],
      ['a longer one', { authorization: 'Bearer a-token-for-operators2' }],
      ['another scheme', { authorization: 'Basic a-token-for-operators' }],
      ['an empty one', { authorization: 'Bearer ' }],
      ['the name of this machine', { host: 'localhost' }],
    ])('wants its token: %s is not enough', async (_, headers: Record<string, string>) => {
      const { status, text } = await ask(app.opsUrl, '/health', headers);

      expect(status).toBe(401);
      expect(JSON.parse(text)).toMatchObject({ code: 'unauthenticated' });
    });

    it('opens with it, whatever the host is called', async () => {
      const headers = { authorization: 'Bearer a-token-for-operators', host: 'omni-ops.internal' };

      expect((await ask(app.opsUrl, '/health', headers)).status).toBe(200);
    });

    it.each(['/health/live', '/health/ready'])('says %s without', async (path) => {
      expect((await ask(app.opsUrl, path, {})).status).toBe(200);
    });
  });
});
