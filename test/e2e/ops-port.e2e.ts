import { connect } from 'node:net';
import { startApp, type TestApp } from '../support/app.js';
import { sendTo, type Send } from '../support/client.js';
import { PATIENT } from '../support/visitors.js';

const TOKEN = 'a-token-for-operators';

let app: TestApp;
let send: Send;
beforeAll(async () => {
  app = await startApp({ timings: PATIENT });
  send = sendTo(app.opsUrl);
});

/** What comes back for these very bytes. */
const say = (bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname: host, port } = new URL(app.opsUrl);
    let heard = '';
    const socket = connect({ host, port: Number(port) }, () => socket.write(bytes));
    socket.setEncoding('latin1').on('data', (part) => (heard += String(part)));
    socket.on('end', () => resolve(heard)).on('error', reject);
  });

describe('every answer of the ops port', () => {
  it.each(['/health/live', '/health/ready', '/health', '/metrics', '/log-level', '/nothing', '/%zz'])(
    'has a request id, the client’s own where that is fit, and is kept by nobody: %s',
    async (path) => {
      const idFor = async (given?: string): Promise<string | null> => {
        const { headers } = await send('GET', `~${path}`, { headers: given ? { 'x-request-id': given } : {} });
        expect(headers.get('cache-control')).toBe('no-store');
        return headers.get('x-request-id');
      };

      expect(await idFor('Abc-1.2_3')).toBe('Abc-1.2_3');
      for (const given of ['a b', 'a'.repeat(65), undefined]) expect(await idFor(given)).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it.each<[what: string, status: number, code: string, method: string, path: string]>([
    ['a broken percent-encoding', 400, 'malformed_request', 'GET', '/%zz'],
    ['a broken percent-encoding in the query', 400, 'malformed_request', 'GET', '/health?q=%ff'],
    ['no such route', 404, 'not_found', 'GET', '/nothing'],
    ['a method that the route does not have', 405, 'method_not_allowed', 'POST', '/metrics'],
    ['a URL that is too long', 414, 'uri_too_long', 'GET', `/health?${'a'.repeat(9_000)}`],
    ['a level that there is not', 422, 'validation_failed', 'PUT', '/log-level'],
  ])('to what fails is a problem: %s', async (_, status, code, method, path) => {
    const { headers, body } = await send(method, `~${path}`, { body: method === 'GET' ? undefined : {} });

    expect(body).toMatchObject({ status, code, type: `urn:omni:problem:${code}` });
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('x-request-id')).toBe(body.request_id);
  });

  it.each([
    ['rubbish', 'HELLO\r\n\r\n'],
    ['two Hosts', 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
    ['no Host', 'GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ])('is a problem to what is no request, too: %s', async (_, bytes) => {
    const heard = await say(bytes);

    expect(heard).toMatch(/^HTTP\/1\.1 400 /);
    expect(heard).toMatch(/^content-type: application\/problem\+json\r$/im);
    expect(heard).toContain('"code":"malformed_request"');
  });

  it.each([
    ['/health', 'GET, HEAD'],
    ['/health/ready', 'GET, HEAD'],
    ['/metrics', 'GET, HEAD'],
    ['/log-level', 'PUT'],
  ])('names the methods of %s, as OPTIONS does', async (path, allow) => {
    const [refused, asked] = [
      await send('PATCH', `~${path}`, { body: {} }),
      await send('OPTIONS', `~${path}`, { headers: { origin: app.opsUrl } }),
    ];

    expect([refused.status, refused.headers.get('allow')]).toEqual([405, allow]);
    expect([asked.status, asked.headers.get('allow')]).toEqual([204, allow]);
  });
});

describe('where the ops port wants a token', () => {
  let sendElsewhere: Send;
  beforeAll(async () => {
    const settings = { OPS_HOST: '0.0.0.0', OPS_TOKEN: TOKEN };
    const { opsUrl } = await startApp({ settings, timings: PATIENT });
    sendElsewhere = sendTo(opsUrl);
  });

  it.each(['/health', '/metrics'])('nobody keeps what it opens: %s', async (path) => {
    const { status, headers } = await sendElsewhere('GET', `~${path}`, { token: TOKEN });

    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
  });

  it.each([
    ['GET', '/%zz'],
    ['GET', '/nothing'],
    ['GET', '/metrics?q=%ff'],
    ['PATCH', '/metrics'],
  ])('a stranger does not hear what is wrong: %s %s', async (method, path) => {
    const { status, body } = await sendElsewhere(method, `~${path}`, { body: method === 'GET' ? undefined : {} });

    expect([status, body.code]).toEqual([401, 'unauthenticated']);
  });
});
