import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Injectable,
  Module,
  Param,
  Post,
  Query,
  StreamableFile,
  UseGuards,
  type CanActivate,
  type PipeTransform,
} from '@nestjs/common';
import { Public } from '../../src/common/access.js';
import { Text } from '../../src/common/fields.js';
import { requestContext } from '../../src/common/request-context.js';
import { ConflictError } from '../../src/common/service-error.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Request } from '../support/client.js';

/** The request ids that the parts of Nest found in the context, in their order. */
const seen: (string | undefined)[] = [];
const see = (): unknown => seen.push(requestContext()?.request_id);

@Injectable()
class SeeingGuard implements CanActivate {
  canActivate(): boolean {
    see();
    return true;
  }
}

class SeeingPipe implements PipeTransform<unknown, unknown> {
  transform(value: unknown): unknown {
    see();
    return value;
  }
}

class SeenError extends ConflictError {
  static override readonly code = 'seen';

  static override get title(): string {
    see();
    return 'Seen';
  }
}

class Note {
  @Text({ max: 10, optional: true, example: 'a' })
  text?: string;
}

/** What the product has no route for. */
@Public('ignored')
@Controller('probe')
class ProbeController {
  @Get()
  get(@Query() { text }: Note): Promise<object> | object {
    if (text === 'hang') return new Promise(() => undefined);
    if (text === 'fail') throw Object.assign(new Error('SELECT secret FROM /app/src'), { statusCode: 402 });
    return {};
  }

  /** Its body was read. */
  @Post('hang')
  hang(@Body() _note: Note): Promise<object> {
    return new Promise(() => undefined);
  }

  /** Longer than a hasty application waits for an answer to begin. */
  @Get('slow')
  slow(): StreamableFile {
    const lines = async function* (): AsyncGenerator<string> {
      for (let line = 0; line < 8; line++) {
        await sleep(250);
        yield `${line}\n`;
      }
    };
    return new StreamableFile(Readable.from(lines(), { objectMode: false }), { type: 'text/plain; charset=utf-8' });
  }

  @Get('cached')
  @Header('cache-control', 'public, max-age=60')
  cached(): object {
    return {};
  }

  @Post('bare')
  @HttpCode(204)
  bare(): void {}

  @Post('seen')
  @UseGuards(SeeingGuard)
  async seen(@Body(SeeingPipe) { text }: Note): Promise<object> {
    see();
    await new Promise((resolve) => setImmediate(resolve));
    see();
    if (text === 'fail') throw new SeenError();
    return { request_id: requestContext()?.request_id };
  }

  @Delete(':id')
  @HttpCode(204)
  delete(@Param('id') _id: string): void {}
}

@Module({ controllers: [ProbeController] })
class Probe {}

let app: TestApp;
/** Where a request may not take long. */
let hasty: TestApp;
beforeAll(async () => {
  hasty = await startApp({ modules: [Probe], timings: { request_ms: 1_000 } });
  // The last one: Nest's Logger belongs to the process, and writes where the newest application does.
  app = await startApp({ modules: [Probe] });
});

const get = (path: string, headers?: Record<string, string>): Promise<Answer> => app.send('GET', path, { headers });
const post = (path: string, body: string, headers?: Request['headers']): Promise<Answer> =>
  app.send('POST', path, { body, headers });

describe('a failure (SEC-53)', () => {
  it.each<[string, number, string, () => Promise<Answer>]>([
    ['a broken percent-encoding in the path', 400, 'malformed_request', () => get('/%zz')],
    ['a broken percent-encoding in the query', 400, 'malformed_request', () => get('/users?q=%ff')],
    ['half a JSON text', 400, 'malformed_json', () => post('/auth/login', '{"email":')],
    ['a prototype key (SEC-49)', 400, 'malformed_json', () => post('/auth/login', '{"__proto__":{}}')],
    ['21 levels (SEC-47)', 400, 'malformed_request', () => post('/auth/login', '['.repeat(21))],
    ['100,000 levels', 400, 'malformed_request', () => post('/auth/login', '['.repeat(100_000))],
    ['no credential', 401, 'unauthenticated', () => get('/users')],
    ['a credential that is not valid', 401, 'invalid_token', () => app.send('GET', '/users', { token: 'x' })],
    ['no such route', 404, 'not_found', () => get('/nothing')],
    ['no such route outside the API', 404, 'not_found', () => get('~/nothing')],
    ['no such route, with a body that is no JSON', 404, 'not_found', () => post('/nothing', '{')],
    ['an empty path parameter', 404, 'not_found', () => app.send('DELETE', '/probe//')],
    ['a method that the route does not have', 405, 'method_not_allowed', () => app.send('PUT', '/users')],
    ['a body that is too large (SEC-52)', 413, 'body_too_large', () => post('/users', ' '.repeat(100 * 1024 + 1))],
    ['a URL that is too long', 414, 'uri_too_long', () => get(`/users?q=${'a'.repeat(9_000)}`)],
    ['an id that is too long', 414, 'uri_too_long', () => get(`/users/${'a'.repeat(9_000)}`)],
    ['text', 415, 'unsupported_media_type', () => post('/users', 'text', { 'content-type': 'text/plain' })],
    [
      'a form',
      415,
      'unsupported_media_type',
      () => post('/users', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
    ],
    [
      'another charset',
      415,
      'unsupported_media_type',
      () => post('/users', '{}', { 'content-type': 'application/json; charset=latin1' }),
    ],
    ['a compressed body', 415, 'unsupported_media_type', () => post('/users', '{}', { 'content-encoding': 'gzip' })],
    ['a field that does not exist (SEC-43)', 422, 'validation_failed', () => post('/auth/login', '{"admin":true}')],
    ['a fault of ours', 500, 'internal_error', () => get('/probe?text=fail')],
    ['an answer that does not come', 503, 'unavailable', () => hasty.send('GET', '/probe?text=hang')],
    [
      'an answer that does not come to what was read',
      503,
      'unavailable',
      () => hasty.send('POST', '/probe/hang', { body: {} }),
    ],
  ])('is a problem: %s', async (_, status, code, asking) => {
    const { headers, body, ...answer } = await asking();

    expect([answer.status, body.status, body.code, body.type]).toEqual([
      status,
      status,
      code,
      `urn:omni:problem:${code}`,
    ]);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-request-id')).toBe(body.request_id);
    expect(body).toMatchObject({
      title: expect.any(String),
      detail: expect.any(String),
      instance: expect.stringMatching(/^\/[^?]*$/),
    });
  });

  it('is no answer that has begun, however long it takes', async () => {
    const { status, text } = await hasty.send('GET', '/probe/slow');

    expect([status, text]).toEqual([200, '0\n1\n2\n3\n4\n5\n6\n7\n']);
  });

  it('says how to come in', async () => {
    expect((await get('/users')).headers.get('www-authenticate')).toBe('Bearer');
    const { headers } = await app.send('GET', '/users', { token: 'x' });
    expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  });

  it.each([
    ['/users', 'GET, HEAD, POST'],
    ['/users/', 'GET, HEAD, POST'],
    ['/users/me', 'GET, HEAD, PATCH, DELETE'],
    ['/auth/login', 'POST'],
    ['~/health/live', 'GET, HEAD'],
  ])('names the methods of %s, as OPTIONS does', async (path, allow) => {
    const [refused, asked] = await Promise.all([app.send('PUT', path), app.send('OPTIONS', path)]);

    expect([refused.status, refused.headers.get('allow')]).toEqual([405, allow]);
    expect([asked.status, asked.headers.get('allow')]).toEqual([204, allow]);
  });

  it('tells nothing of what broke, and the log everything, once (SEC-54)', async () => {
    const { body, text } = await get('/probe?text=fail');
    const lines = app.logs.filter((line) => line.includes(body.request_id) && line.includes('"level":"error"'));

    expect(body.detail).toBe('Internal server error');
    expect(text).not.toMatch(/SELECT|secret|\/app|Error:|\bat /);
    expect(lines).toEqual([expect.stringContaining('SELECT secret')]);
  });

  it('has no body for HEAD', async () => {
    expect(await app.send('HEAD', '/nothing')).toMatchObject({ status: 404, text: '' });
    expect((await app.send('OPTIONS', '/nothing')).status).toBe(404);
  });
});

describe('the standard headers (SEC-55)', () => {
  it.each<[string, () => Promise<Answer>]>([
    ['a success', () => get('~/health/live')],
    ['a failure', () => get('/probe?text=fail')],
    ['an unknown route', () => get('/nothing')],
    ['what fails below Nest', () => get('/%zz')],
    ['an answer without body', () => post('/probe/bare', '{}')],
  ])('are on %s', async (_, asking) => {
    const headers = Object.fromEntries((await asking()).headers);

    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
      'x-request-id': expect.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
    });
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('server');
  });

  it('leave a handler its own cache-control, but not a failure', async () => {
    expect((await get('/probe/cached')).headers.get('cache-control')).toBe('public, max-age=60');
    expect((await get('/probe/cached?x=1')).headers.get('cache-control')).toBe('no-store');
  });
});

describe('the request id', () => {
  it.each(['/probe', '/nothing', '/%zz'])("is the client's own where it is fit: %s", async (path) => {
    expect((await get(path, { 'x-request-id': 'Abc-1.2_3' })).headers.get('x-request-id')).toBe('Abc-1.2_3');
  });

  it.each(['a'.repeat(65), 'a b', 'a,b', '"'])('is a new one where it is not: %j', async (id) => {
    expect((await get('/nothing', { 'x-request-id': id })).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('is known to guard, pipe, handler and filter, also after waiting', async () => {
    seen.length = 0;
    await post('/probe/seen', '{"text":"fail"}', { 'x-request-id': 'mine' });

    expect(seen.length).toBeGreaterThanOrEqual(5);
    expect(new Set(seen)).toEqual(new Set(['mine']));
  });

  it('is not mixed up among requests at once', async () => {
    const ids = Array.from({ length: 50 }, (_, at) => `id-${at}`);
    const answers = await Promise.all(ids.map((id) => post('/probe/seen', '{}', { 'x-request-id': id })));

    expect(answers.map(({ body }) => body.request_id)).toEqual(ids);
  });
});
