import { Body, Controller, Delete, Get, HttpCode, Module, Param, Post, Query, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { Public } from '../../src/common/access.js';
import { Text } from '../../src/common/fields.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Request } from '../support/client.js';

class Note {
  @Text({ max: 10, optional: true, example: 'a' })
  text?: string;
}

/** What the product has no route for. */
@Public('ignored')
@Controller('probe')
class ProbeController {
  @Get()
  list(@Query() query: Note): Note {
    return query;
  }

  @Get('plain')
  plain(): object {
    return {};
  }

  @Post()
  @HttpCode(200)
  echo(@Body() note: Note): Note {
    return note;
  }

  @Post('bare')
  @HttpCode(204)
  bare(): void {}

  @Post('signed')
  @HttpCode(200)
  @RouteConfig({ rawBody: true, bodyLimit: 256 * 1024 })
  signed(@Req() request: FastifyRequest): object {
    return { bytes: request.rawBody?.length };
  }

  @Delete(':id')
  @HttpCode(204)
  delete(@Param('id') _id: string): void {}
}

@Module({ controllers: [ProbeController] })
class Probe {}

let app: TestApp;
beforeAll(async () => (app = await startApp({ modules: [Probe] })));

const get = (path: string): Promise<Answer> => app.send('GET', path);
const post = (path: string, body: string, headers?: Request['headers']): Promise<Answer> =>
  app.send('POST', path, { body, headers });

describe('a query', () => {
  it.each([
    ['a repeated parameter (SEC-43)', '/probe?text=a&text=b', '?text', 'repeated'],
    ['an unknown parameter', '/probe?size=2', '?size', 'unknown_field'],
    ['a parameter that would be a prototype', '/probe?__proto__=2', '?__proto__', 'unknown_field'],
    ['NUL (SEC-45)', '/probe?text=%00', '?text', 'text'],
    ['a parameter, where a route takes none', '/probe/plain?page=1', '?page', 'unknown_field'],
  ])('is refused with %s', async (_, path, pointer, code) => {
    const { status, body } = await get(path);

    expect([status, body.errors]).toEqual([422, [{ pointer, code, message: expect.any(String) }]]);
  });

  it('belongs to the same route with and without a trailing slash', async () => {
    expect((await get('/probe/?text=a')).body).toEqual({ text: 'a' });
    expect((await get('/probe/plain/')).status).toBe(200);
    expect((await get('~/health/live/')).status).toBe(200);
  });
});

describe('a body', () => {
  it.each<[string, RequestInit]>([
    ['none at all', {}],
    ['no bytes, called JSON', { body: '', headers: { 'content-type': 'application/json' } }],
    ['no bytes, called text', { body: '', headers: { 'content-type': 'text/plain' } }],
    ['no bytes, in chunks', { body: new Blob([]).stream(), duplex: 'half' }],
    ['{}', { body: '{}', headers: { 'content-type': 'application/json; charset="UTF-8"' } }],
  ])('is {} when it is %s and every field is optional', async (_, init) => {
    const answer = await fetch(`${app.url}/api/v1/probe`, { method: 'POST', ...init });

    expect([answer.status, await answer.json()]).toEqual([200, {}]);
  });

  it('is refused where a route takes none, unless it says nothing', async () => {
    const { body } = await post('/probe/bare', '{"force":true}');

    expect(body.errors).toMatchObject([{ pointer: '#/force', code: 'unknown_field' }]);
    expect((await post('/probe/bare', '{}')).status).toBe(204);
    expect((await app.send('DELETE', '/probe/7')).status).toBe(204);
  });

  it('may be as large as its route says, and its bytes are kept where a signature is over them', async () => {
    const text = JSON.stringify({ text: 'a'.repeat(200_000) });

    expect((await post('/probe/signed', text)).body).toEqual({ bytes: text.length });
    expect((await post('/probe/signed', ' '.repeat(256 * 1024 + 1))).status).toBe(413);
    expect((await post('/probe', text)).status).toBe(413);
  });

  it('of ten megabytes is answered and not read (R8)', async () => {
    expect((await post('/probe', ' '.repeat(10_000_000))).status).toBe(413);
  });
});
