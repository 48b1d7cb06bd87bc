import { connect, type Socket } from 'node:net';
import { Controller, Get, Logger, Module, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Public } from '../../src/common/access.js';
import { startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { PATIENT } from '../support/visitors.js';

@Public('ignored')
@Controller('probe')
class ProbeController {
  @Get()
  plain(): object {
    new Logger('Probe').log('On the way');
    return {};
  }

  @Get('failure')
  fail(): void {
    throw new Error('broken');
  }

  @Get('held')
  held(): Promise<never> {
    new Logger('Probe').log('On the way');
    return new Promise(() => undefined);
  }

  @Post()
  take(): object {
    return {};
  }
}

@Module({ controllers: [ProbeController] })
class Probe {}

let app: TestApp;
let limited: TestApp;
/** Where a request may not take long. */
let hasty: TestApp;
beforeAll(async () => {
  limited = await startApp({ settings: { RATE_LIMIT_PER_MINUTE: '1' }, timings: PATIENT });
  hasty = await startApp({ modules: [Probe], timings: { ...PATIENT, headers_ms: 1_500, request_ms: 3_000 } });
  // The last one: Nest's Logger belongs to the process, and writes where the newest application does.
  app = await startApp({ modules: [Probe], timings: PATIENT });
});

interface Event {
  readonly [field: string]: any;
}

const parsed = (lines: readonly string[]): Event[] => lines.map((line) => JSON.parse(line));

/** What has been logged since, as soon as the line of one more request is there: that of another would be before it. */
async function eventsOf(work: () => Promise<unknown>, of = app): Promise<Event[]> {
  const from = of.logs.length;
  await work();
  const last = `last-${from}`;
  await of.send('GET', '~/health/live', { headers: { 'x-request-id': last } });
  const events = await eventually(() => {
    const all = parsed(of.logs.slice(from));
    return all.some(({ request_id }) => request_id === last) && all;
  });
  return events.filter(({ request_id }) => request_id !== last);
}

const accessLines = async (work: () => Promise<unknown>, of = app): Promise<Event[]> =>
  (await eventsOf(work, of)).filter((event) => 'status' in event);

const open = (of = app): Socket => connect(Number(new URL(of.url).port), '127.0.0.1').on('error', () => undefined);

/** All that is answered to these bytes, until the connection closes. */
async function say(bytes: string, of = app): Promise<string> {
  const socket = open(of);
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

const idIn = (answer: string): string | undefined => /x-request-id: (\S+)/i.exec(answer)?.[1];

const HOST = 'Host: localhost\r\n';
const CLOSE = `${HOST}Connection: close\r\n`;
const POST = `POST /api/v1/probe HTTP/1.1\r\n${CLOSE}Content-Type: application/json\r\n`;
const get = (target: string, headers = ''): string => `GET ${target} HTTP/1.1\r\n${CLOSE}${headers}\r\n`;

/** What a connection says, and what the one line of it says. */
const REQUESTS: [what: string, bytes: string, line: Event][] = [
  [
    'what a handler answers',
    get('/api/v1/probe'),
    { route: '/api/v1/probe', status: 200, handler: 'ProbeController.plain' },
  ],
  ['what a handler fails at', get('/api/v1/probe/failure'), { status: 500, handler: 'ProbeController.fail' }],
  ['HEAD', get('/api/v1/probe').replace('GET', 'HEAD'), { method: 'HEAD', status: 200 }],
  ['what the guard refuses', get('/api/v1/users/me'), { route: '/api/v1/users/me', status: 401 }],
  ['a bad token', get('/api/v1/users/me', 'Authorization: Bearer x\r\n'), { status: 401 }],
  [
    'an id that names nothing',
    get('/api/v1/users/0198b5e2-7f3a-7c11-8a54-3f1c9d2e6b70'),
    { route: '/api/v1/users/:id', status: 401 },
  ],
  ['a query that nobody declared', get('/api/v1/probe?token=SECRET'), { route: '/api/v1/probe', status: 422 }],
  ['a route that nobody has', get('/reset/SECRET?token=SECRET'), { route: null, status: 404 }],
  ['a method that the route has not', get('/api/v1/probe').replace('GET', 'DELETE'), { status: 405 }],
  ['OPTIONS', get('/api/v1/probe').replace('GET', 'OPTIONS'), { method: 'OPTIONS', status: 204 }],
  ['a method of WebDAV', get('/api/v1/probe').replace('GET', 'PROPFIND'), { method: 'PROPFIND', status: 405 }],
  ['a bad URL', get('/%zz'), { route: null, status: 400 }],
  ['a URL that is too long', get(`/${'a'.repeat(9_000)}`), { status: 414 }],
  ['too many headers', get('/', 'X-A: 1\r\n'.repeat(101)), { status: 431 }],
  ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', { status: 400 }],
  ['malformed JSON', `${POST}Content-Length: 1\r\n\r\n{`, { route: '/api/v1/probe', status: 400 }],
  ['another media type', `${POST.replace('json', 'xml')}Content-Length: 1\r\n\r\n<`, { status: 415 }],
  ['a body that is too large', `${POST}Content-Length: 200000\r\n\r\n`, { status: 413 }],
  ['a chunk that is none', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, { route: '/api/v1/probe', status: 400 }],
  ['a head that is too large', get('/', `X-A: ${'a'.repeat(20_000)}\r\n`), { method: null, route: null, status: 431 }],
  ['rubbish', 'HELLO\r\n\r\n', { method: null, status: 400 }],
  ['CONNECT', `CONNECT example.com:443 HTTP/1.1\r\n${HOST}\r\n`, { method: null, status: 405 }],
];

/** The same of those that are waited for in vain. */
const ENDLESS: typeof REQUESTS = [
  ['a body that never ends', `${POST}Content-Length: 9\r\n\r\n{`, { route: '/api/v1/probe', status: 408 }],
  ['a head that never ends', 'GET / HTTP/1.1\r\nX-A: ', { method: null, status: 408 }],
];

describe('the access log', () => {
  function expectOneLine(lines: readonly Event[], answer: string, expected: Event): void {
    expect(lines).toEqual([
      expect.objectContaining({ level: 'info', request_id: idIn(answer), ip: '127.0.0.0/24', ...expected }),
    ]);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${expected['status']} `));
    expect(JSON.stringify(lines)).not.toMatch(/SECRET|127\.0\.0\.1/);
  }

  it.each(REQUESTS)('L5: has exactly one line for %s, with the id of the answer', async (_, bytes, expected) => {
    let answer = '';
    const lines = await accessLines(async () => (answer = await say(bytes)));
    expectOneLine(lines, answer, expected);
  });

  it.each(ENDLESS)('L5: has exactly one line for %s, with the id of the answer', async (_, bytes, expected) => {
    const from = hasty.logs.length;
    const server = (hasty.app as NestFastifyApplication).getHttpServer();
    const over = new Promise((resolve) => server.once('connection', (socket: Socket) => socket.once('close', resolve)));
    const answer = await say(bytes, hasty);
    await over;
    const lines = parsed(hasty.logs.slice(from)).filter((event) => 'status' in event);
    expectOneLine(lines, answer, expected);
  });

  it('L5: has exactly one line for what a limit refuses', async () => {
    await limited.send('GET', '/users');
    const lines = await accessLines(() => limited.send('GET', '/users'), limited);

    expect(lines).toMatchObject([{ status: 429, route: '/api/v1/users' }]);
  });

  /** Writes these to a connection, and breaks it when their handlers run. */
  async function breakOff(...requests: string[]): Promise<void> {
    const from = app.logs.length;
    const socket = open();
    socket.write(requests.join(''));
    await eventually(
      () => app.logs.slice(from).filter((line) => line.includes('On the way')).length === requests.length,
    );
    socket.resetAndDestroy();
    await eventually(() => app.logs.slice(from).filter((line) => line.includes('"aborted"')).length >= requests.length);
  }

  const held = `GET /api/v1/probe/held HTTP/1.1\r\n${HOST}\r\n`;

  it('L5: has exactly one line for a request whose client is gone before the answer', async () => {
    const lines = await accessLines(() => breakOff(held));
    expect(lines).toMatchObject([{ route: '/api/v1/probe/held', status: null, aborted: true }]);
  });

  it('L5: has exactly one line for each request that waited behind another when their connection broke', async () => {
    const lines = await accessLines(() => breakOff(held, held.replace('/held', ''), held.replace('/held', '')));
    expect(lines.map(({ route, aborted }) => [route, aborted])).toEqual([
      ['/api/v1/probe/held', true],
      ['/api/v1/probe', true],
      ['/api/v1/probe', true],
    ]);
  });

  it('says who asked, and so does what is logged on the way', async () => {
    const ada = await app.signUp();
    const [line] = await accessLines(() => ada.get('/users/me?x=1'));
    expect(line).toMatchObject({ user_id: ada.user.id, tenant_id: ada.user.tenant_id, status: 422 });

    const events = await eventsOf(() => ada.get('/probe', { 'x-request-id': 'mine' }));
    expect(events.filter(({ request_id }) => request_id === 'mine')).toMatchObject([
      { msg: 'On the way', context: 'Probe', request_id: 'mine' },
      { status: 200, request_id: 'mine' },
    ]);
  });

  it('L4: gives each request one line of its own, whatever stands in it', async () => {
    const forged = '%0d%0a{"level":"fatal"}%1b[2J%e2%80%ae';
    const headers = { 'user-agent': '"},{"level":"fatal"}', 'x-request-id': 'a b' };
    const lines = await accessLines(async () => {
      await app.send('GET', `/users/${forged}?q=${forged}`, { headers });
      await app.send('POST', '/probe', { body: { '\r\n{"level":"fatal"}': 1 }, headers });
      await app.send('GET', `~/${forged}`, { headers });
    });

    expect(lines.map(({ level, status }) => [level, status])).toEqual([
      ['info', 401],
      ['info', 422],
      ['info', 404],
    ]);
    // oxlint-disable-next-line no-control-regex
    expect(app.logs.filter((line) => /[\u0000-\u001f\u007f-\u009f\u202e]/.test(line))).toEqual([]);
  });

  it.each(['a', 'A.b_c-9', 'x'.repeat(64), '4242424242424242', 'ak_0a1b2c3d4e'])(
    'L6: takes the id that a client gives: %s',
    async (id) => {
      const [line] = await accessLines(() => app.send('GET', '/probe', { headers: { 'x-request-id': id } }));
      expect(line).toMatchObject({ request_id: id });
    },
  );

  it.each(['', ' ', 'a b', 'x'.repeat(65), 'a;b', 'ä', '{}', 'a,b'])('L6: makes one instead of %j', async (id) => {
    const [line] = await accessLines(() => say(get('/api/v1/probe', `X-Request-Id: ${id}\r\n`)));
    expect(line).toMatchObject({ request_id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) });
  });
});

const codeOf = async (answer: { json(): Promise<unknown> }): Promise<string> =>
  ((await answer.json()) as { code: string }).code;

describe('PUT /log-level on the ops port (L9)', () => {
  const put = (
    body: unknown,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ): Promise<Response> =>
    fetch(`${app.opsUrl}/log-level`, {
      method: 'PUT',
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  afterEach(() => put({ level: 'trace' }));

  it('changes what is logged from now on, and is audited whatever the level', async () => {
    const from = app.logs.length;
    const answer = await put({ level: 'fatal' });
    await app.send('GET', '/probe');
    await put({ level: 'info' });
    await app.send('GET', '/probe', { headers: { 'x-request-id': 'told-again' } });
    await eventually(() => app.logs.some((line) => line.includes('told-again') && line.includes('"status"')));

    expect([answer.status, await answer.json()]).toEqual([200, { level: 'fatal' }]);
    const audited = { category: 'audit', action: 'sys_log_level_changed' };
    expect(parsed(app.logs.slice(from))).toMatchObject([
      { ...audited, log_level: 'fatal' },
      { ...audited, log_level: 'info' },
      { msg: 'On the way', request_id: 'told-again' },
      { status: 200, request_id: 'told-again' },
    ]);
  });

  it.each<[what: string, body: unknown, status: number, code: string]>([
    ['an unknown level', { level: 'loud' }, 422, 'validation_failed'],
    ['none at all', {}, 422, 'validation_failed'],
    ['an empty body', '', 422, 'validation_failed'],
    ['a list', [], 422, 'validation_failed'],
    ['another field', { level: 'info', extra: 1 }, 422, 'validation_failed'],
    ['malformed JSON', '{', 400, 'malformed_json'],
  ])('refuses %s', async (_, body, status, code) => {
    const answer = await put(body);
    expect([answer.status, await codeOf(answer)]).toEqual([status, code]);
  });

  it('refuses what a form on a foreign page could send, and takes nothing but JSON from its own', async () => {
    const form = { 'content-type': 'text/plain' };
    const foreign = await put({ level: 'info' }, { ...form, origin: 'https://evil.example' });
    const own = await put({ level: 'info' }, { ...form, origin: app.opsUrl });

    expect([foreign.status, await codeOf(foreign)]).toEqual([403, 'origin_not_allowed']);
    expect(own.status).toBe(415);
  });
});
