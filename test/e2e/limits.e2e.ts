import { Tokens } from '../../src/auth/tokens.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Send } from '../support/client.js';
import { askOn, BEHIND_GATEWAY, passed, PATIENT, someAddress, times } from '../support/visitors.js';

const LIMIT = 10;

let app: TestApp;
beforeAll(async () => {
  app = await startApp({
    settings: { ...BEHIND_GATEWAY, RATE_LIMIT_PER_MINUTE: `${LIMIT}`, RATE_LIMIT_SIGNUP: '2/1m' },
    timings: PATIENT,
  });
});

const ask = (address = someAddress(), headers: Record<string, string> = {}): Promise<Answer> =>
  askOn(app, address, headers);

const someToken = (): Promise<string> =>
  app.app.get(Tokens).sign({ user_id: uuidv7(), session_id: uuidv7(), tenant_id: uuidv7() });

describe('an answer', () => {
  it('says how the client stands', async () => {
    const address = someAddress();
    await ask(address);
    const { headers } = await ask(address);

    expect(headers.get('ratelimit-policy')).toBe(`"general";q=${LIMIT};w=60`);
    expect(headers.get('ratelimit')).toMatch(/^"general";r=8;t=([1-9]|[1-5]\d|60)$/);
    expect(headers.get('retry-after')).toBeNull();
  });

  it('is a problem to whoever asks too much, and says when to come again', async () => {
    const address = someAddress();
    await times(LIMIT, () => ask(address));
    const { status, headers, body } = await ask(address);

    expect([status, body.code, body.instance]).toEqual([429, 'rate_limited', '/api/v1/users/me']);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('retry-after')).toMatch(/^([1-9]|[1-5]\d|60)$/);
    expect(headers.get('ratelimit-policy')).toBe(`"general";q=${LIMIT};w=60`);
    expect(headers.get('ratelimit')).toBe(`"general";r=0;t=${headers.get('retry-after')}`);
  });

  it.each(['~/health/live', '~/health/ready'])('is not counted from %s', async (path) => {
    const { headers } = await app.send('GET', path);

    expect([headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([null, null]);
  });
});

describe('who is counted', () => {
  it('is the one address that sends, however many requests race (RL2)', async () => {
    const address = someAddress();
    await times(LIMIT - 1, () => ask(address));

    expect(passed(await times(100, () => ask(address)))).toBe(1);
    expect((await ask()).status).toBe(401);
  });

  it('is a network of 64 bits, of which one client has all the addresses (RL5)', async () => {
    const answers = [];
    // Few enough for their minute on a machine that is busy.
    for (let net = 0; net < 10; net++)
      answers.push(...(await times(20, (host) => ask(`2001:db8:0:1:${net}::${host}`))));

    expect(passed(answers)).toBe(LIMIT);
    expect((await ask('2001:db8:0:2::1')).status).toBe(401);
  });

  it('is an IPv4 address in whichever form it comes', async () => {
    const address = someAddress();
    await times(LIMIT, () => ask(address));

    expect((await ask(`::ffff:${address}`)).status).toBe(429);
  });

  it('is the user whom a token names, wherever the token comes from', async () => {
    const token = await someToken();
    const authorization = `Bearer ${token}`;
    const answers = await times(2 * LIMIT, () => ask(someAddress(), { authorization }));
    const address = someAddress();
    await times(LIMIT, () => ask(address));

    expect(passed(answers)).toBe(LIMIT);
    expect((await ask(address)).status).toBe(429);
    expect((await ask(address, { authorization: `Bearer ${await someToken()}` })).status).toBe(401);
  });

  it('is the address where a token proves nothing', async () => {
    const address = someAddress();
    const [head, claims] = (await someToken()).split('.');
    const answers = await times(2 * LIMIT, (index) =>
      ask(address, { authorization: `Bearer ${head}.${claims}.${index}` }),
    );

    expect(passed(answers)).toBe(LIMIT);
  });

  it('is the address too, however many users it brings: ten times as much', async () => {
    const address = someAddress();
    const tokens = await times(11 * LIMIT, someToken);
    const answers = await Promise.all(tokens.map((token) => ask(address, { authorization: `Bearer ${token}` })));

    expect(passed(answers)).toBe(10 * LIMIT);
    expect((await ask(address)).headers.get('ratelimit-policy')).toBe(`"flood";q=${10 * LIMIT};w=60`);
  });

  it('is nobody less for calling itself something else (RL9)', async () => {
    const address = someAddress();
    const agents = ['Googlebot/2.1', 'curl/8.5.0', 'kube-probe/1.31', '', 'ELB-HealthChecker/2.0'];
    const answers = await times(2 * LIMIT, (index) => ask(address, { 'user-agent': agents[index % agents.length] }));

    expect(passed(answers)).toBe(LIMIT);
  });
});

describe('a forwarded address (RL4)', () => {
  it('changes nothing where it comes from no trusted proxy', async () => {
    const standalone = await startApp({
      database: 'own',
      settings: { RATE_LIMIT_PER_MINUTE: `${LIMIT}` },
      timings: PATIENT,
    });
    const answers = await times(3 * LIMIT, () =>
      askOn(standalone, someAddress(), { forwarded: `for=${someAddress()}` }),
    );

    expect(passed(answers)).toBe(LIMIT);
    await standalone.close();
  });

  it('is what the proxy says, not what the client told the proxy', async () => {
    const address = someAddress();
    const answers = await times(3 * LIMIT, () => ask(`${someAddress()}, ${address}`));

    expect(passed(answers)).toBe(LIMIT);
  });
});

describe('what leads nowhere counts as well (RL6)', () => {
  const json = { 'content-type': 'application/json' };

  it.each<[string, number, Parameters<Send>, string?]>([
    ['an unknown route', 404, ['GET', '/nothing']],
    ['a method that the route does not have', 405, ['PUT', '/users']],
    ['half a JSON text', 400, ['POST', '/users', { body: '{"email":', headers: json }]],
    // Nobody has looked at forwarded addresses yet when the router gives up: it counts for the gateway.
    ['a URL that is no URL', 400, ['GET', '/%zz'], '127.0.0.1'],
    ['a URL that is too long', 414, ['GET', `/${'a'.repeat(9_000)}`]],
    ['a body that is too large', 413, ['POST', '/users', { body: ' '.repeat(101 * 1024), headers: json }]],
    ['another kind of body', 415, ['POST', '/users', { body: 'text', headers: { 'content-type': 'text/plain' } }]],
  ])('%s', async (_, status, [method, path, { body, headers } = {}], address = someAddress()) => {
    const send = (): Promise<Answer> =>
      app.send(method, path, { body, headers: { ...headers, 'x-forwarded-for': address } });

    expect((await send()).status).toBe(status);
    expect((await send()).headers.get('ratelimit')).toMatch(/^"general";r=8;/);
    await times(LIMIT - 2, () => ask(address));
    expect((await send()).status).toBe(429);
  });
});

describe('sign-up', () => {
  it('is limited by address, whatever becomes of it', async () => {
    const headers = { 'x-forwarded-for': someAddress() };
    const answers = [];
    for (let sent = 0; sent < 3; sent++) answers.push(await app.send('POST', '/users', { body: {}, headers }));

    expect(answers.map(({ status }) => status)).toEqual([422, 422, 429]);
    expect(answers.map((answer) => answer.headers.get('ratelimit')?.slice(0, 13))).toEqual([
      '"sign-up";r=1',
      '"sign-up";r=0',
      '"sign-up";r=0',
    ]);
    expect(answers[2].headers.get('ratelimit-policy')).toBe('"sign-up";q=2;w=60');
    expect(Number(answers[2].headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('a page of another origin', () => {
  it('may read that it asked too much, and its preflights cost nothing', async () => {
    const origin = 'https://app.example';
    const standalone = await startApp({
      database: 'own',
      settings: { CORS_ORIGINS: origin, RATE_LIMIT_PER_MINUTE: '1' },
      timings: PATIENT,
    });
    const preflight = { origin, 'access-control-request-method': 'GET' };
    for (let sent = 0; sent < 3; sent++) await standalone.send('OPTIONS', '/users/me', { headers: preflight });
    const [first, second] = [await askOn(standalone, '', { origin }), await askOn(standalone, '', { origin })];

    expect([first.status, second.status]).toEqual([401, 429]);
    expect(second.headers.get('access-control-allow-origin')).toBe(origin);
    expect(second.headers.get('access-control-expose-headers')).toContain('Retry-After');
    expect((await standalone.send('GET', '~/docs-json')).headers.get('ratelimit')).toBeNull();
    await standalone.close();
  });
});
