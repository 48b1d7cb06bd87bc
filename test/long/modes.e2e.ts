import { MODES, type ModeName, type ProcessRole } from '../../src/config/mode.js';
import { OutboxRelay } from '../../src/database/outbox/outbox-relay.js';
import { RedisClients } from '../../src/redis/redis-clients.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { succeed } from '../support/client.js';
import { engines } from '../support/engines.js';
import { startShipped } from '../support/shipped.js';
import type { TestSettings } from '../support/stage.js';

// Some tests start processes of their own.
jest.setTimeout(120_000);

const ORIGIN = 'https://app.example';
const TRUSTED_PROXY_CIDRS = '127.0.0.0/8';
const SWITCHES: Readonly<Record<ModeName, TestSettings>> = {
  standalone: {},
  internal: { RUN_AS_INTERNAL: '1', TRUSTED_PROXY_CIDRS },
  minimal: { OMNI_MINIMAL: '1' },
};

interface Combination {
  readonly mode: ModeName;
  readonly redis: boolean;
  readonly role: ProcessRole;
}

const REDIS = engines().redisUrl ? [true, false] : [false];
/** Minimal mode is one process, as the settings say. */
const ROLES = (mode: ModeName): ProcessRole[] => (mode === 'minimal' ? ['all'] : ['all', 'api', 'worker']);
const PLACES = Object.values(MODES).flatMap(({ name: mode }) => REDIS.map((redis) => ({ mode, redis })));
const COMBINATIONS = PLACES.flatMap((place): Combination[] => ROLES(place.mode).map((role) => ({ ...place, role })));

const start = ({ mode, redis, role }: Combination): Promise<TestApp> =>
  startApp({
    settings: { ...SWITCHES[mode], PROCESS_ROLE: role, CORS_ORIGINS: ORIGIN },
    ...(!redis && { redis: 'none' }),
  });

function has(app: TestApp, provider: typeof OutboxRelay | typeof RedisClients): boolean {
  try {
    return Boolean(app.app.get<object>(provider, { strict: false }));
  } catch {
    return false;
  }
}

/** What can be seen of an app. */
async function seen(app: TestApp): Promise<Record<string, boolean>> {
  const listens = app.url !== '';
  const preflight = { headers: { origin: ORIGIN, 'access-control-request-method': 'POST' } };
  const ops = async (path: string): Promise<boolean> => (await fetch(app.opsUrl + path)).ok;
  return {
    listens,
    docs: listens && (await app.send('GET', '~/docs')).status === 200,
    cors: listens && (await app.send('OPTIONS', '/users', preflight)).headers.has('access-control-allow-origin'),
    redis: has(app, RedisClients),
    works: has(app, OutboxRelay),
    live: await ops('/health/live'),
    metrics: await ops('/metrics'),
    queues: await ops('/queues'),
  };
}

describe('the table of the modes', () => {
  it.each(COMBINATIONS)('holds: $mode, Redis $redis, as $role', async ({ mode, redis, role }) => {
    const app = await start({ mode, redis, role });
    const listens = role !== 'worker';
    const shared = MODES[mode].redis && redis;

    expect(await seen(app)).toEqual({
      listens,
      docs: listens && MODES[mode].docs,
      cors: listens && MODES[mode].cors,
      redis: shared,
      works: role !== 'api',
      live: true,
      metrics: true,
      queues: shared && role !== 'api',
    });
    await app.close();
  });

  it.each(PLACES)('sends what the API has promised: $mode, Redis $redis', async (place) => {
    const roles: ProcessRole[] = place.mode === 'minimal' ? ['all'] : ['api', 'worker'];
    const apps = await Promise.all(roles.map((role) => start({ ...place, role })));
    const [api] = apps as [TestApp, ...TestApp[]];
    const account = someAccount();
    succeed(await api.send('POST', '/users', { body: account }));

    await api.mail(account.email);
    for (const app of apps) await app.close();
  });
});

describe('internal mode', () => {
  it('takes nobody’s word for who they are', async () => {
    const app = await start({ mode: 'internal', redis: false, role: 'api' });
    const { user } = await app.signUp();
    const claims = ['x-user-id', 'x-forwarded-user', 'x-auth-request-user', 'x-remote-user', 'x-user'];
    const headers = Object.fromEntries(claims.map((name) => [name, user.id as string]));

    expect(await app.send('GET', '/users/me', { headers: { ...headers, 'x-role': 'platform_admin' } })).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    });
    await app.close();
  });
});

describe('the shipped program', () => {
  it('does not start in two modes at once, and says so', async () => {
    const both = { ...SWITCHES.internal, OMNI_MINIMAL: '1' };

    await expect(startShipped({ settings: both })).rejects.toThrow(
      'RUN_AS_INTERNAL and OMNI_MINIMAL exclude each other',
    );
  });
});
