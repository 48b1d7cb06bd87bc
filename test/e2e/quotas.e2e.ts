import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { Limiter } from '../../src/limits/limiter.js';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Answer, type Client } from '../support/client.js';
import { describeWithRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { passed, PATIENT, times } from '../support/visitors.js';
import { Wire } from '../support/wire.js';

const STANDARD = 20;
/** What logging two people in has cost: each looks at itself. */
const SPENT = 2;

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp({ settings: { RATE_LIMIT_TENANT: `${STANDARD}/1m` }, timings: PATIENT });
  platform = await app.admin();
});

const ask = (who: Client, on = app): Promise<Answer> => on.request('GET', '/users/me', { token: who.token });

const pairOf = async (tenant_id: string): Promise<[Client, Client]> => [
  await member(app, tenant_id),
  await member(app, tenant_id, 'admin'),
];

const setNumber = async (tenant_id: string, requests_per_minute: number | null): Promise<void> =>
  succeed(await platform.patch(`/tenants/${tenant_id}`, { requests_per_minute }));

const warnings = (of: TestApp, tenant_id: string): Record<string, unknown>[] =>
  of.logs
    .filter((line) => line.includes('Rate limit approaching for tenant'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['tenant_id'] === tenant_id);

/** Warnings since the start, as the metrics have them. */
const counted = async ({ opsUrl }: TestApp): Promise<number> =>
  Number(/^omni_quota_warnings (\d+)$/m.exec(await (await fetch(`${opsUrl}/metrics`)).text())?.[1]);

describe('the quota of a tenant', () => {
  it('is what its users ask together; whoever comes too late is told when to come again', async () => {
    const [one, other] = await pairOf(await newTenant(app));
    const answers = await times(2 * STANDARD, (turn) => ask(turn % 2 ? one : other));
    const { status, headers, body } = await ask(one);

    expect(passed(answers)).toBe(STANDARD - SPENT);
    expect([status, body.code]).toEqual([429, 'rate_limited']);
    expect(headers.get('retry-after')).toMatch(/^([1-9]|[1-5]\d|60)$/);
    expect(headers.get('ratelimit-policy')).toBe(`"tenant";q=${STANDARD};w=60`);
    expect(headers.get('ratelimit')).toBe(`"tenant";r=0;t=${headers.get('retry-after')}`);
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it("is the tenant's own number where there is one, from the next request on", async () => {
    const tenant_id = await newTenant(app);
    const [one, other] = await pairOf(tenant_id);
    await setNumber(tenant_id, 5);

    expect(passed(await times(10, () => ask(one)))).toBe(5 - SPENT);
    expect((await ask(other)).headers.get('ratelimit-policy')).toBe('"tenant";q=5;w=60');
    await setNumber(tenant_id, null);
    expect((await ask(other)).status).toBe(200);
  });

  it('is nothing to another tenant, and to nobody who is not known yet', async () => {
    const [[one], [stranger]] = [await pairOf(await newTenant(app)), await pairOf(await newTenant(app))];
    await times(2 * STANDARD, () => ask(one));

    expect((await ask(one)).status).toBe(429);
    expect((await ask(stranger)).status).toBe(200);
    expect((await app.logIn(stranger)).user.id).toBe(stranger.user.id);
    expect(
      (await app.request('POST', '/auth/login', { body: { email: one.email, password: one.password } })).status,
    ).toBe(200);
    expect((await app.request('GET', '/users/me')).status).toBe(401);
  });

  it('counts what is refused for want of rights too', async () => {
    const [one] = await pairOf(await newTenant(app));
    const answers = await times(2 * STANDARD, () => one.get('/users'));

    expect(answers.filter(({ status }) => status === 403)).toHaveLength(STANDARD - SPENT);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(STANDARD + SPENT);
  });

  it('is none in the default tenant, which strangers share, until a number is set for it', async () => {
    const ada = await app.signUp();
    expect(passed(await times(3 * STANDARD, () => ask(ada)))).toBe(3 * STANDARD);
    expect((await ask(ada)).headers.get('ratelimit-policy')).not.toContain('tenant');

    await app.sql('UPDATE tenants SET requests_per_minute = 3 WHERE id = $1', [DEFAULT_TENANT_ID]);
    expect(passed(await times(10, () => ask(ada)))).toBe(3);
    await app.sql('UPDATE tenants SET requests_per_minute = NULL WHERE id = $1', [DEFAULT_TENANT_ID]);
    expect((await ask(ada)).status).toBe(200);
  });
});

describe('a tenant that approaches its quota', () => {
  it('is warned of once, at 80 %, and the line names nobody', async () => {
    const tenant_id = await newTenant(app);
    const [one, other] = await pairOf(tenant_id);
    for (let sent = SPENT + 1; sent < 0.8 * STANDARD; sent++) await ask(sent % 2 ? one : other);
    expect(warnings(app, tenant_id)).toEqual([]);
    await ask(one);
    const [warning] = await eventually(() => {
      const found = warnings(app, tenant_id);
      return found.length > 0 && found;
    });
    await times(STANDARD, () => ask(other));

    expect(warnings(app, tenant_id)).toHaveLength(1);
    expect(warning).toMatchObject({ level: 'warn', msg: 'Rate limit approaching for tenant', tenant_id });
    expect(JSON.stringify(warning)).not.toMatch(new RegExp([one, other].map(({ user }) => user.id).join('|')));
    expect(warning).not.toHaveProperty('user_id');
  });

  it('is warned of again in the next window', async () => {
    const quick = await startApp({ settings: { RATE_LIMIT_TENANT: '5/5s' }, timings: PATIENT });
    const tenant_id = await newTenant(app);
    const user = await member(app, tenant_id);

    await eventually(
      async () => {
        await times(5, () => ask(user, quick));
        return warnings(quick, tenant_id).length >= 2;
      },
      { within: 60_000 },
    );
    const [first, second] = warnings(quick, tenant_id).map(({ ts }) => Date.parse(String(ts)));
    // The line is written somewhat later than the window begins.
    expect(second! - first!).toBeGreaterThanOrEqual(4_000);
    await quick.close();
  });
});

describe('without Redis', () => {
  it('a tenant is warned of once too, and the metrics count it', async () => {
    const alone = await startApp({ redis: 'none', settings: { RATE_LIMIT_TENANT: `${STANDARD}/1m` } });
    const tenant_id = await newTenant(app);
    const user = await member(app, tenant_id);
    const before = await counted(alone);
    await times(STANDARD, () => ask(user, alone));

    expect(warnings(alone, tenant_id)).toHaveLength(1);
    expect(await counted(alone)).toBe(before + 1);
    await alone.close();
  });
});

describeWithRedis('with Redis', () => {
  it('processes warn of a tenant once together, and the metrics of the one that did count it', async () => {
    const other = await startApp({ settings: { RATE_LIMIT_TENANT: `${STANDARD}/1m` }, timings: PATIENT });
    const tenant_id = await newTenant(app);
    const user = await member(app, tenant_id);
    const before = (await counted(app)) + (await counted(other));
    await times(2 * STANDARD, (turn) => ask(user, turn % 2 ? app : other));

    expect([...warnings(app, tenant_id), ...warnings(other, tenant_id)]).toHaveLength(1);
    expect((await counted(app)) + (await counted(other))).toBe(before + 1);
    await other.close();
  });

  it('processes count a tenant together, and each by itself while it is away', async () => {
    const wire = await Wire.to(app.settings.REDIS_URL!);
    const settings = { RATE_LIMIT_TENANT: `${STANDARD}/1m`, REDIS_URL: wire.url };
    const wired = await startApp({ settings, timings: { ...PATIENT, limiter_retry_ms: 60_000 } });
    const [one, other] = await pairOf(await newTenant(app));

    expect(passed(await times(2 * STANDARD, (turn) => ask(one, turn % 2 ? app : wired)))).toBe(STANDARD - SPENT);
    await wire.cut();
    await eventually(async () => {
      await wired.request('GET', '/users/me');
      return wired.app.get(Limiter).degraded;
    });
    expect(passed(await times(2 * STANDARD, () => ask(other, wired)))).toBe(STANDARD);
    await wired.close();
  });
});
