import { request as httpRequest } from 'node:http';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { startApp, type TestApp } from '../support/app.js';
import { declaredAccess, type Access } from '../support/declared.js';

/**
 * Every route in standalone mode with the simulator, and who may call it. A new route is to be added here on purpose;
 * this list is the inventory of what is open to the world (SEC-30).
 */
const ROUTES = `
  DELETE /api/v1/auth/api-keys/:id  user
  DELETE /api/v1/auth/sessions/:id  user
  DELETE /api/v1/invitations/:id    admin
  DELETE /api/v1/users/:id          admin
  DELETE /api/v1/users/me           user, recent login
  DELETE /api/v1/webhook-endpoints/:id admin
  GET    /account/export            public
  GET    /account/invitation        public
  GET    /account/page.css          public
  GET    /account/page.js           public
  GET    /account/reset-password    public
  GET    /account/verify-email      public
  GET    /api/v1/audit-events       admin
  GET    /api/v1/auth/api-keys      user
  GET    /api/v1/auth/sessions      user
  GET    /api/v1/currencies         user
  GET    /api/v1/disputes           user, key payments:read
  GET    /api/v1/disputes/:id       user, key payments:read
  GET    /api/v1/invitations        admin
  GET    /api/v1/ledger/accounts    admin
  GET    /api/v1/ledger/accounts/:code/entries admin
  GET    /api/v1/ledger/trial-balance admin
  GET    /api/v1/payments           user, key payments:read
  GET    /api/v1/payments/:id       user, key payments:read
  GET    /api/v1/payments/:id/client-secret user
  GET    /api/v1/payments/:id/ledger user, key payments:read
  GET    /api/v1/payments/:id/refunds user, key payments:read
  GET    /api/v1/payments/:id/timeline user, key payments:read
  GET    /api/v1/payments/config    user
  GET    /api/v1/reconciliation/items admin
  GET    /api/v1/refunds            user, key payments:read
  GET    /api/v1/refunds/:id        user, key payments:read
  GET    /api/v1/simulator/authenticate public
  GET    /api/v1/simulator/charges  platform_admin
  GET    /api/v1/simulator/payment-methods user
  GET    /api/v1/tenants            platform_admin
  GET    /api/v1/tenants/:id        platform_admin
  GET    /api/v1/users              admin, key users:read
  GET    /api/v1/users/:id          user, key users:read
  GET    /api/v1/users/me           user
  GET    /api/v1/webhook-endpoints  admin
  GET    /api/v1/webhook-endpoints/:id admin
  GET    /api/v1/webhook-endpoints/:id/deliveries admin
  GET    /docs                      public
  GET    /docs-json                 public
  GET    /health/live               public
  GET    /health/ready              public
  PATCH  /api/v1/tenants/:id        platform_admin
  PATCH  /api/v1/users/:id          user
  PATCH  /api/v1/users/me           user
  PATCH  /api/v1/webhook-endpoints/:id admin
  POST   /api/v1/auth/api-keys      user, recent login, verified address
  POST   /api/v1/auth/api-keys/:id/rotate user, recent login, verified address
  POST   /api/v1/auth/email/change  user
  POST   /api/v1/auth/email/resend  public
  POST   /api/v1/auth/email/verify  public
  POST   /api/v1/auth/login         public
  POST   /api/v1/auth/login/mfa     public
  POST   /api/v1/auth/logout        user
  POST   /api/v1/auth/mfa/recovery-codes user
  POST   /api/v1/auth/mfa/totp      user
  POST   /api/v1/auth/mfa/totp/confirm user
  POST   /api/v1/auth/mfa/totp/disable user
  POST   /api/v1/auth/password/change user
  POST   /api/v1/auth/password/forgot public
  POST   /api/v1/auth/password/reset public
  POST   /api/v1/auth/reauth        user
  POST   /api/v1/auth/refresh       public
  POST   /api/v1/exports/download   public
  POST   /api/v1/invitations        admin
  POST   /api/v1/invitations/accept public
  POST   /api/v1/payments           user, key payments:write
  POST   /api/v1/payments/:id/cancel user, key payments:write
  POST   /api/v1/payments/:id/capture admin, key payments:write
  POST   /api/v1/payments/:id/confirm user, key payments:write
  POST   /api/v1/payments/:id/refunds admin, key payments:write
  POST   /api/v1/payments/:id/sync  admin
  POST   /api/v1/reconciliation/runs platform_admin
  POST   /api/v1/simulator/authenticate public
  POST   /api/v1/simulator/clock    platform_admin
  POST   /api/v1/simulator/dashboard-refund platform_admin
  POST   /api/v1/simulator/faults   platform_admin
  POST   /api/v1/simulator/payments/:id/authenticate platform_admin
  POST   /api/v1/simulator/reset    platform_admin
  POST   /api/v1/simulator/webhooks/flush platform_admin
  POST   /api/v1/tenants            platform_admin
  POST   /api/v1/users              public
  POST   /api/v1/users/:id/logout   admin
  POST   /api/v1/users/:id/mfa/reset admin
  POST   /api/v1/users/:id/unlock   admin
  POST   /api/v1/users/me/export    user, recent login
  POST   /api/v1/webhook-deliveries/:id/resend admin
  POST   /api/v1/webhook-endpoints  admin
  POST   /api/v1/webhook-endpoints/:id/rotate-secret admin
  POST   /api/v1/webhooks/simulator public
  POST   /api/v1/webhooks/stripe    public
`;

interface Route {
  readonly method: string;
  readonly path: string;
  readonly access: string;
}

let app: TestApp;
let routes: Route[];
beforeAll(async () => {
  app = await startApp();
  const access = declaredAccess(app);
  routes = servedRoutes().map(({ method, path }) => {
    const asked = method === 'HEAD' ? 'GET' : method;
    const inside = access.get(`${asked} ${path.replace(/^\/api\/v1/, '')}`);
    const outside = path.startsWith('/docs') ? 'public' : 'nobody knows';
    return { method, path, access: inside ? inWords(inside) : outside };
  });
});

/** What the server really answers to, whoever registered it; without the files of Swagger UI. */
function servedRoutes(): Pick<Route, 'method' | 'path'>[] {
  const fastify = (app.app as NestFastifyApplication).getHttpAdapter().getInstance();
  const branch: string[] = [];
  const served = fastify
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent, part, methods] = /^((?: {4}|│ {3})*)[├└]── (\S+) \((.*)\)$/.exec(line) ?? [];
      if (indent === undefined || !part || !methods) return [];
      branch.splice(indent.length / 4, Infinity, part.startsWith('/') || part.startsWith('-') ? part : `/${part}`);
      return methods.split(', ').map((method) => ({ method, path: branch.join('') }));
    });
  return served.filter(({ path }) => !path.startsWith('/docs/'));
}

/** Whom a route is open to, in words. */
function inWords({ isPublic, roles = ['user'], scopes, wantsRecentLogin, wantsVerifiedEmail }: Access): string {
  const words = [
    isPublic ? ['public'] : roles,
    wantsRecentLogin ? ['recent login'] : [],
    wantsVerifiedEmail ? ['verified address'] : [],
    scopes.map((scope) => `key ${scope}`),
  ];
  return words.flat().join(', ');
}

describe('the routes', () => {
  it('are these, for these callers', () => {
    const listed = routes.filter(({ method }) => method !== 'HEAD');
    const lines = listed.map(({ method, path, access }) => `  ${`${method.padEnd(6)} ${path}`.padEnd(33)} ${access}`);

    expect(`\n${lines.toSorted().join('\n')}\n`).toBe(ROUTES);
  });

  it('are asked by HEAD exactly where they are asked by GET', () => {
    const paths = (asked: string) => routes.filter(({ method }) => method === asked).map(({ path }) => path);

    expect(paths('HEAD').toSorted()).toEqual(paths('GET').toSorted());
  });
});

/** As it stands on the wire: nothing is normalised on the way. */
function send(
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(app.url);
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, method, path, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => (text += part));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('without a credential', () => {
  const ID = '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c';
  const closed = () => routes.filter(({ access }) => /^(user|admin|platform_admin)/.test(access));

  it('every route that is not public is 401, its body unread (SEC-30)', async () => {
    expect(closed().length).toBeGreaterThan(10);
    for (const { method, path } of closed()) {
      const { status, text } = await send(method, path.replace(':id', ID));
      expect({ method, path, status }).toEqual({ method, path, status: 401 });
      if (method !== 'HEAD') expect(JSON.parse(text)).toMatchObject({ code: 'unauthenticated' });
    }
  });

  it.each<[what: string, variant: (path: string) => string]>([
    ['a trailing slash', (path) => `${path}/`],
    ['a query', (path) => `${path}?access_token=x`],
    ['a second slash', (path) => path.replace('/v1/', '/v1//')],
    ['a slash before it', (path) => `/${path}`],
    ['a dot segment', (path) => path.replace('/v1/', '/v1/./')],
    ['a segment up', (path) => path.replace('/v1/', '/v1/x/../')],
    ['an encoded dot', (path) => path.replace('/v1/', '/v1/%2e/')],
    ['an encoded way up', (path) => path.replace('/v1/', '/v1/health/%2e%2e/')],
    ['a way out of a public route', (path) => `/health/live/../..${path}`],
    [
      'an encoded letter',
      (path) => path.replace(/[a-z](?=[^a-z]*$)/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    ],
    ['an encoded slash', (path) => path.replace('/v1/', '/v1%2F')],
    ['a backslash', (path) => path.replace('/v1/', '/v1\\')],
    ['an encoded backslash', (path) => path.replace('/v1/', '/v1%5C')],
    ['a parameter', (path) => `${path};a=b`],
    ['a parameter in the middle', (path) => path.replace('/v1/', '/v1;a=b/')],
    ['NUL', (path) => `${path}%00`],
    ['a file extension', (path) => `${path}.json`],
    ['capitals', (path) => path.toUpperCase()],
    ['the absolute form', (path) => `http://example.com${path}`],
  ])('%s opens none of them (SEC-37)', async (_, variant) => {
    for (const { method, path } of closed()) {
      const { status } = await send(method, variant(path.replace(':id', ID)));
      expect([400, 401, 404, 405]).toContain(status);
    }
  });

  it.each<Record<string, string>>([
    { 'x-original-url': '/health/live' },
    { 'x-rewrite-url': '/health/live' },
    { 'x-http-method-override': 'OPTIONS' },
    { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' },
    { 'x-forwarded-prefix': '/health' },
    { upgrade: 'websocket', connection: 'upgrade' },
  ])('no header opens one either: %j (SEC-37)', async (headers) => {
    for (const { method, path } of closed()) {
      expect((await send(method, path.replace(':id', ID), headers)).status).toBe(401);
    }
  });

  it('the methods that a route does not have are 405, and none that nobody knows gets through', async () => {
    for (const method of ['PUT', 'TRACE', 'PROPFIND', 'QUERY']) {
      for (const { path } of closed()) {
        expect([400, 405]).toContain((await send(method, path.replace(':id', ID))).status);
      }
    }
  });
});
