import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { Controller, HttpCode, Logger, Module, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Public } from '../../src/common/access.js';
import { Database } from '../../src/database/database.js';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { newKey, withKey } from '../support/keys.js';
import { forms, leaksIn, monitor } from '../support/leaks.js';
import { MailServer } from '../support/mail-server.js';
import { redisContents } from '../support/redis-contents.js';
import { Guarded, verify } from '../support/second-factor.js';
import { startShipped } from '../support/shipped.js';

/** Unlike anything else, and found again in any text. */
const mark = (): string => randomBytes(6).toString('hex');

const ADA = {
  email: `canary.${mark()}@example.com`,
  password: `pass "${mark()}" phrase`,
  full_name: `Canary ${mark()} Lovelace`,
  username: `canary_${mark()}`,
};
const SENT = {
  wrong_password: `wrong ${mark()} phrase`,
  new_email: `new.${mark()}@example.com`,
  wrong_token: `${mark()}${mark()}${mark()}`,
  wrong_code: `${mark()}-${mark()}`,
  new_name: `Renamed ${mark()}`,
  cookie: `cookie${mark()}`,
  user_agent: `agent-${mark()}`,
  query: `query${mark()}`,
  api_key: `ak_${mark()}${mark()}`,
  path: `R3x_m0Zc-9kQ2vT7w${mark()}${mark()}GuEaXo`,
  field: `field_${mark()}`,
  token: randomBytes(32).toString('base64url'),
  invited: `invited.${mark()}@example.com`,
};
/** What the application makes for somebody. */
const given: string[] = [];

/** Fails in all the ways in which code does that has not been written yet. */
@Public('ignored')
@Controller('probe')
class ProbeController {
  constructor(private readonly database: Database) {}

  @Post('statement')
  async statement(@Req() { body }: FastifyRequest<{ Body: typeof ADA }>): Promise<void> {
    await this.database.call('SELECT * FROM nowhere WHERE full_name = $1', [body.full_name]);
  }

  @Post('constraint')
  async constraint(@Req() { body }: FastifyRequest<{ Body: typeof ADA }>): Promise<void> {
    await this.database.asSystem(() =>
      this.database.run((manager) =>
        manager.query('INSERT INTO users (id, tenant_id, email, full_name) VALUES (gen_random_uuid(), NULL, $1, $2)', [
          body.email,
          body.full_name,
        ]),
      ),
    );
  }

  @Post('thrown')
  thrown(@Req() { body, headers }: FastifyRequest<{ Body: typeof ADA }>): void {
    const cause = Object.assign(new Error(`Nobody is called ${body.email}`), { config: { headers, data: body } });
    throw Object.assign(new TypeError(`Cannot send ${JSON.stringify(body)}`, { cause }), {
      request: { body, headers },
    });
  }

  @Post('logged')
  @HttpCode(204)
  logged(@Req() { body, headers, url }: FastifyRequest<{ Body: typeof ADA }>): void {
    const logger = new Logger('Probe');
    logger.log({ body, headers, user: { ...body }, list: [[body]] });
    logger.warn(`${url} was asked by ${body.email}, Bearer ${headers.authorization?.slice('Bearer '.length)}`);
    logger.debug('with details', { details: new Map(Object.entries(body)) });
  }
}

@Module({ controllers: [ProbeController] })
class Probe {}

/** Which of them can be read in a text, and where. */
const found = (text: string): string[] =>
  leaksIn(text, { ...ADA, ...SENT, ...Object.fromEntries(given.map((one, at) => [`given ${at}`, one])) });

let app: TestApp;
let mails: MailServer;
/** Every command that Redis is sent, as it tells them. */
const commands: Buffer[] = [];
let redis: Socket | undefined;

beforeAll(async () => {
  mails = await MailServer.start();
  mails.refuses = 550;
  app = await startApp({ modules: [Probe], settings: { SMTP_URL: mails.url } });
  if (app.settings.REDIS_URL) redis = await monitor(app.settings.REDIS_URL, (chunk) => commands.push(chunk));
});
afterAll(() => redis?.destroy());

const HEADERS = {
  cookie: `__Secure-omni_refresh=${SENT.cookie}; a=b`,
  'user-agent': SENT.user_agent,
  'x-api-key': SENT.api_key,
  'idempotency-key': SENT.api_key,
};

const LOGIN = { email: ADA.email, password: ADA.password };

async function goodDay(): Promise<Client> {
  succeed(await app.send('POST', '/users', { body: ADA, headers: HEADERS }));
  const ada = await app.logIn(ADA);
  await refreshTwice();
  given.push(ada.token, ada.token.split('.')[1]!, ada.token.split('.')[2]!);
  succeed(await ada.patch('/users/me', { full_name: SENT.new_name }, HEADERS));
  succeed(await ada.get('/auth/sessions', HEADERS));
  succeed(await app.send('POST', '/auth/password/forgot', { body: { email: ADA.email }, headers: HEADERS }));
  succeed(await app.send('POST', '/auth/email/resend', { body: { email: ADA.email }, headers: HEADERS }));
  succeed(await ada.post('/auth/email/change', { email: SENT.new_email, password: ADA.password }, HEADERS));
  succeed(await ada.post('/users/me/export', undefined, HEADERS));
  await verify(app, ada);
  const { key } = await newKey(ada);
  given.push(key, key.slice(-43));
  for (const path of ['/users', '/users/me']) await withKey(app, key, path);
  const { secret, recovery_codes } = await Guarded.enrol(app, ada);
  const { mfa_token } = succeed(await app.send('POST', '/auth/login', { body: LOGIN, headers: HEADERS }));
  given.push(secret, mfa_token, ...recovery_codes, ...recovery_codes.map((code) => code.replaceAll('-', '')));
  const [code] = recovery_codes;
  succeed(await app.send('POST', '/auth/login/mfa', { body: { mfa_token, code }, headers: HEADERS }));
  succeed(await (await app.admin()).post('/invitations', { email: SENT.invited }, HEADERS));
  return ada;
}

/** By body and by cookie, and once more with a token that was good before. */
async function refreshTwice(): Promise<void> {
  const { email, password } = ADA;
  const { refresh_token } = succeed(await app.send('POST', '/auth/login', { body: { email, password } }));
  const next = succeed(await app.send('POST', '/auth/refresh', { body: { refresh_token } }));
  const headers = { cookie: `omni_refresh=${next.refresh_token}`, origin: app.settings.PUBLIC_URL };
  const answer = await app.send('POST', '/auth/refresh', { headers });
  const [, last = ''] = /omni_refresh=([\w-]+)/.exec(answer.headers.get('set-cookie') ?? '') ?? [];
  expect(last).toHaveLength(84);
  given.push(refresh_token, next.refresh_token, last);
  await app.send('POST', '/auth/refresh', { body: { refresh_token } });
}

/** Everything that a client can get wrong. */
async function badDay(ada: Client): Promise<void> {
  const send = (method: string, path: string, body?: unknown, headers = {}): Promise<unknown> =>
    app.send(method, path, { body, headers: { ...HEADERS, ...headers } });
  await send('POST', '/users', ADA);
  await send('POST', '/users', { ...ADA, [SENT.field]: ADA.password });
  await send('POST', '/users', {
    ...ADA,
    email: `${ADA.email}@`,
    password: ADA.password.slice(0, 4),
    full_name: [ADA.full_name],
  });
  await send('POST', '/users', `{"email":"${ADA.email}","password":${ADA.password}`);
  await send('POST', '/users', ADA, { 'content-type': `application/${SENT.field}` });
  await send('POST', '/auth/login', { email: ADA.email, password: SENT.wrong_password });
  await send('POST', '/auth/login/mfa', { mfa_token: SENT.wrong_token, code: SENT.wrong_code });
  await send('POST', '/auth/login/mfa', { mfa_token: [SENT.wrong_token], code: SENT.wrong_code, [SENT.wrong_code]: 1 });
  const { password, full_name } = ADA;
  await send('POST', '/invitations/accept', { token: SENT.token, password, full_name });
  await send('POST', '/auth/login', { email: ADA.email, password: ADA.password, [SENT.field]: 1 });
  await send('GET', `/users?q=${SENT.query}&${SENT.field}=${SENT.query}`, undefined, {
    authorization: `Bearer ${ada.token}`,
  });
  await send('GET', `/users/${encodeURIComponent(ADA.email)}?token=${SENT.query}`, undefined, {
    authorization: `Bearer ${ada.token}x`,
  });
  await send('GET', `~/reset/${SENT.path}?token=${SENT.query}`);
  await send('POST', '/auth/email/verify', { token: SENT.path });
  await send('POST', '/auth/password/reset', { token: SENT.path, password: ADA.password });
  await ada.post(
    '/auth/password/change',
    { current_password: SENT.wrong_password, new_password: ADA.password },
    HEADERS,
  );
  await send('GET', '/users/me', undefined, {
    authorization: `Basic ${Buffer.from(`${ADA.email}:${ADA.password}`).toString('base64')}`,
  });
  await send('GET', `/%zz${SENT.path}?${SENT.query}`);
  await send('POST', '/exports/download', { token: SENT.token });
  await send('POST', '/exports/download', { token: [SENT.token], [SENT.field]: SENT.token });
}

describe('L1: a canary', () => {
  it('would be found, however it is written', () => {
    for (const form of forms(ADA.password)) expect(found(`before ${form} after`)).not.toEqual([]);
    for (const around of ['x', 'xx', 'xxx']) {
      expect(found(Buffer.from(`${around}${ADA.email}${around}`).toString('base64'))).not.toEqual([]);
    }
  });

  it('is in no line of the log, whatever goes wrong', async () => {
    const ada = await goodDay();
    await badDay(ada);
    for (const failure of ['statement', 'constraint', 'thrown']) {
      const { status } = await ada.post(`/probe/${failure}`, ADA, HEADERS);
      expect(status).toBe(500);
    }
    await ada.post('/probe/logged', ADA, HEADERS);
    await eventually(() => app.logs.some((line) => line.includes('Delivering mail fails')));
    await ada.post('/auth/logout');
    await eventually(() => app.logs.some((line) => line.includes('"route":"/api/v1/auth/logout"')));

    expect(app.logs.filter((line) => /"status":500/.test(line))).toHaveLength(3);
    expect(app.logs.filter((line) => /"error":\{"type"/.test(line)).length).toBeGreaterThanOrEqual(3);
    expect(found(app.logs.join('\n'))).toEqual([]);
  });

  it('is in nothing that Redis was told', () => {
    const told = Buffer.concat(commands).toString();
    expect(/"evalsha"/i.test(told)).toBe(Boolean(redis));
    expect(found(told)).toEqual([]);
  });

  it('is in no key or value of Redis', async () => {
    expect(found((await redisContents(app)).join('\n'))).toEqual([]);
  });

  it('is in no audit event, no outbox, no export of the tables and in nothing that operators are shown', async () => {
    await eventually(async () => (await app.sql('SELECT 1 FROM export_pieces')).length > 0);
    const rows = await app.sql(
      ['audit_events', 'outbox', 'exports', 'export_pieces']
        .map((table) => `SELECT row_to_json(t)::text AS text FROM ${table} t`)
        .join(' UNION ALL '),
    );
    const report = await (await fetch(`${app.opsUrl}/health`)).text();

    expect(rows.length).toBeGreaterThan(4);
    expect(found([...rows.map(({ text }) => text), report].join('\n'))).toEqual([]);
  });

  it('is in nothing that a process says while it crashes', async () => {
    const error = {
      message: `${ADA.email} said password=${ADA.password}`,
      detail: `Key (full_name)=(${ADA.full_name})`,
    };
    const preload = `process.on('SIGUSR2', () => {
      const cause = Object.assign(new Error(${JSON.stringify(error.detail)}), { parameters: ${JSON.stringify(Object.values(ADA))} });
      throw Object.assign(new Error(${JSON.stringify(error.message)}, { cause }), { body: ${JSON.stringify(ADA)} });
    })`;
    const crashing = await startShipped({ settings: { LOG_LEVEL: 'trace', SMTP_URL: mails.url }, preload });
    succeed(
      await crashing.send('POST', '/auth/login', {
        body: { email: ADA.email, password: ADA.password },
        headers: HEADERS,
      }),
    );
    expect(await crashing.end('SIGUSR2')).toBe(1);

    const lines = crashing.lines.map((line) => JSON.parse(line));
    expect(lines.find(({ level }) => level === 'fatal')).toMatchObject({
      error: { type: 'Error', cause: { type: 'Error' } },
    });
    expect(lines).toContainEqual(expect.objectContaining({ category: 'audit', action: 'sys_shutdown' }));
    expect(found(crashing.lines.join('\n') + crashing.stderr)).toEqual([]);
  });
});
