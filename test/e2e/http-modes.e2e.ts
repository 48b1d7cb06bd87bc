import { Controller, Get, Module } from '@nestjs/common';
import { Public } from '../../src/common/access.js';
import { requestContext } from '../../src/common/request-context.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';
import type { TestSettings } from '../support/stage.js';

@Public('ignored')
@Controller('whereabouts')
class WhereaboutsController {
  @Get()
  get(): object {
    return { ip: requestContext()?.ip };
  }
}

@Module({ controllers: [WhereaboutsController] })
class Whereabouts {}

const ORIGIN = 'https://app.example';
const INTERNAL: TestSettings = { RUN_AS_INTERNAL: '1', TRUSTED_PROXY_CIDRS: '127.0.0.0/8,10.0.0.0/8' };

const started = (settings: TestSettings): Promise<TestApp> => startApp({ modules: [Whereabouts], settings });

let standalone: TestApp;
let internal: TestApp;
let minimal: TestApp;
beforeAll(async () => {
  const CORS_ORIGINS = ORIGIN;
  standalone = await started({ CORS_ORIGINS });
  internal = await started({ CORS_ORIGINS, ...INTERNAL });
  minimal = await started({ OMNI_MINIMAL: '1' });
});

const preflight = (app: TestApp, origin: string): Promise<Answer> =>
  app.send('OPTIONS', '/users', { headers: { origin, 'access-control-request-method': 'POST' } });

describe('CORS (SEC-56)', () => {
  it('lets a configured origin in, with credentials', async () => {
    const { status, headers } = await preflight(standalone, ORIGIN);

    expect(status).toBe(204);
    expect(Object.fromEntries(headers)).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': expect.stringContaining('PATCH'),
      'access-control-allow-headers': expect.stringContaining('Idempotency-Key'),
      'x-request-id': expect.any(String),
      'x-content-type-options': 'nosniff',
    });
  });

  it('lets it read failures too, and the headers that say what to do', async () => {
    const { headers } = await standalone.send('GET', '/users', { headers: { origin: ORIGIN } });

    expect(headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(headers.get('access-control-expose-headers')).toContain('Retry-After');
    expect(headers.get('vary')).toContain('Origin');
  });

  it.each(['https://evil.example', `${ORIGIN}.evil`, 'http://app.example', 'null'])(
    'lets %s not in',
    async (origin) => {
      expect((await preflight(standalone, origin)).headers.get('access-control-allow-origin')).toBeNull();
      const { headers } = await standalone.send('GET', '~/health/live', { headers: { origin } });
      expect(headers.get('access-control-allow-origin')).toBeNull();
    },
  );

  it.each<[string, () => TestApp]>([
    ['in internal mode', () => internal],
    ['when no origin is configured', () => minimal],
  ])('is off %s', async (_, app) => {
    expect((await preflight(app(), ORIGIN)).headers.get('access-control-allow-origin')).toBeNull();
  });
});

const address = async (app: TestApp, forwarded: string): Promise<string> =>
  (await app.send('GET', '/whereabouts', { headers: { 'x-forwarded-for': forwarded } })).body.ip;

describe("the client's address (SEC-59)", () => {
  it.each<[string, () => TestApp]>([
    ['standalone', () => standalone],
    ['minimal, without trusted proxies', () => minimal],
  ])("is the socket's, whatever a header says: %s", async (_, app) => {
    expect(await address(app(), '203.0.113.7')).toBe('127.0.0.1');
  });

  it.each([
    ['the nearest one that is no proxy of ours', '198.51.100.1, 203.0.113.7, 10.1.2.3', '203.0.113.7'],
    ['an IPv6 address as it is', '2001:db8::7', '2001:db8::7'],
    ['an IPv4 address in one spelling', '::ffff:203.0.113.7', '203.0.113.7'],
    ["the proxy's own where that forwards rubbish", 'unknown', '127.0.0.1'],
  ])('is, behind a trusted proxy, %s', async (_, forwarded, ip) => {
    expect(await address(internal, forwarded)).toBe(ip);
  });

  it('is the peer where that is no trusted proxy', async () => {
    const app = await started({ ...INTERNAL, TRUSTED_PROXY_CIDRS: '10.0.0.0/8' });

    expect(await address(app, '203.0.113.7')).toBe('127.0.0.1');
    await app.close();
  });

  it('is forwarded in minimal mode too, where the networks are given', async () => {
    const app = await started({ OMNI_MINIMAL: '1', TRUSTED_PROXY_CIDRS: '127.0.0.1/32' });

    expect(await address(app, '203.0.113.7')).toBe('203.0.113.7');
    await app.close();
  });
});

describe('networks of proxies', () => {
  it('are warned of at the start where they have no effect: all clients of a proxy would be one address', async () => {
    const warned = /"level":"warn".*TRUSTED_PROXY_CIDRS has no effect in standalone mode/;
    const app = await started({ TRUSTED_PROXY_CIDRS: '127.0.0.0/8' });

    expect(await address(app, '203.0.113.7')).toBe('127.0.0.1');
    expect(app.logs.join('\n')).toMatch(warned);
    for (const other of [standalone, internal, minimal]) expect(other.logs.join('\n')).not.toMatch(warned);
    await app.close();
  });
});

describe('the documents (SEC-57)', () => {
  it('are Swagger UI, under a policy that lets it work, and OpenAPI 3.1', async () => {
    const page = await standalone.send('GET', '~/docs');
    const { body: document } = await standalone.send('GET', '~/docs-json');

    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect((await standalone.send('GET', '~/docs/swagger-ui-bundle.js')).status).toBe(200);
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'Omni Enterprise Ultra Max', version: '2.0.0' },
    });
    expect((await standalone.send('GET', '~/docs-yaml')).status).toBe(404);
  });

  it('show a route as closed unless somebody opened it', async () => {
    const { body: document } = await standalone.send('GET', '~/docs-json');
    const { get, post } = document.paths['/api/v1/users'];

    expect(document.security).toEqual([{ bearer: [] }]);
    expect(document.paths['/api/v1/users/me'].get).not.toHaveProperty('security');
    expect(get.security).toEqual([{ bearer: [] }, { api_key: ['users:read'] }]);
    expect(Object.keys(get.responses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '422', '429', '503']),
    );
    expect(post.security).toEqual([]);
  });

  it('promise of a body what the validator keeps: nothing unknown, and none at all where every field is optional', async () => {
    const { body: document } = await standalone.send('GET', '~/docs-json');

    expect(document.components.schemas.UserCreate.additionalProperties).toBe(false);
    expect(document.paths['/api/v1/users'].post.requestBody.required).toBe(true);
    expect(document.paths['/api/v1/users/me'].patch.requestBody.required).toBe(false);
  });

  it('hold no schema that nothing leads to, and no operation twice', async () => {
    const { body: document, text } = await standalone.send('GET', '~/docs-json');
    const operations = Object.values<Record<string, { operationId: string }>>(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );

    const schemas = Object.keys(document.components.schemas);
    expect(schemas.filter((name) => !text.includes(`"#/components/schemas/${name}"`))).toEqual([]);
    expect(new Set(operations).size).toBe(operations.length);
  });

  it.each<[string, TestSettings | (() => TestApp)]>([
    ['with DOCS_ENABLED=0', { DOCS_ENABLED: '0' }],
    ['in internal mode', () => internal],
    ['in minimal mode', () => minimal],
  ])('do not exist %s', async (_, where) => {
    const app = typeof where === 'function' ? where() : await started(where);
    const answers = await Promise.all(['~/docs', '~/docs/', '~/docs-json'].map((path) => app.send('GET', path)));

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  });
});
