import { Controller, Get, HttpCode, Module, Post } from '@nestjs/common';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Public } from '../../src/common/access.js';
import { startApp, type TestApp } from '../support/app.js';

let release: () => void = () => undefined;

@Public('ignored')
@Controller('probe')
class ProbeController {
  @Get()
  plain(): object {
    return {};
  }

  @Post()
  @HttpCode(204)
  take(): void {}

  @Get('held')
  held(): Promise<object> {
    return new Promise((resolve) => (release = () => resolve({ held: true })));
  }
}

@Module({ controllers: [ProbeController] })
class Probe {}

/** Each is longer than what is sent whole takes on a machine that is busy. */
const TIMINGS = { headers_ms: 1_000, request_ms: 3_000, keep_alive_ms: 60_000, drain_ms: 100 };

let app: TestApp;
beforeAll(async () => (app = await startApp({ modules: [Probe], timings: TIMINGS })));

const open = (to = app): Socket => connect(Number(new URL(to.url).port), '127.0.0.1').on('error', () => undefined);

/** All that the server says on this connection until it has said `until`, or closed. */
async function read(socket: Socket, until?: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (until?.test(text)) break;
  }
  return text;
}

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: any;
}

function parse(text: string): Answer {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body: body ? JSON.parse(body) : undefined };
}

/** What is answered to these bytes; the connection must close afterwards. */
async function send(bytes: string | Buffer): Promise<Answer> {
  const socket = open();
  socket.write(bytes);
  return parse(await read(socket));
}

const PATH = '/api/v1/probe';
const HOST = 'Host: localhost\r\n';
const CLOSE = `${HOST}Connection: close\r\n`;
const POST = `POST ${PATH} HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n`;
const CHUNK = `1000\r\n${' '.repeat(4_096)}\r\n`;

describe('a socket that sends (SEC-58, R8-R10)', () => {
  it.each<[string, string | Buffer, number, string]>([
    ['rubbish', 'HELLO\r\n\r\n', 400, 'malformed_request'],
    ['a TLS greeting', Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]), 400, 'malformed_request'],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'malformed_request'],
    ['a method that does not exist', `BREW ${PATH} HTTP/1.1\r\n${CLOSE}\r\n`, 400, 'malformed_request'],
    ['TRACE', `TRACE ${PATH} HTTP/1.1\r\n${CLOSE}\r\n`, 405, 'method_not_allowed'],
    ['PROPFIND', `PROPFIND ${PATH} HTTP/1.1\r\n${CLOSE}\r\n`, 405, 'method_not_allowed'],
    ['CONNECT', `CONNECT example.com:443 HTTP/1.1\r\n${HOST}\r\n`, 405, 'method_not_allowed'],
    ['no Host', `GET ${PATH} HTTP/1.1\r\nConnection: close\r\n\r\n`, 400, 'malformed_request'],
    ['two Hosts', `GET ${PATH} HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, 400, 'malformed_request'],
    [
      'two credentials',
      `GET ${PATH} HTTP/1.1\r\n${CLOSE}${'Authorization: Bearer a\r\n'.repeat(2)}\r\n`,
      400,
      'malformed_request',
    ],
    ['two lengths', `${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400, 'malformed_request'],
    [
      'a length and chunks',
      `${POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'malformed_request',
    ],
    ['a chunk without a size', `${POST}Transfer-Encoding: chunked\r\n\r\nZZ\r\n`, 400, 'malformed_request'],
    [
      'bytes in a URL that are no ASCII',
      Buffer.from(`GET ${PATH}?q=\xe9 HTTP/1.1\r\n${CLOSE}\r\n`, 'latin1'),
      400,
      'malformed_request',
    ],
    ['NUL in a header', `GET ${PATH} HTTP/1.1\r\n${CLOSE}X-A: a\0b\r\n\r\n`, 400, 'malformed_request'],
    [
      'a header of 20 KB',
      `GET ${PATH} HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['101 headers', `GET ${PATH} HTTP/1.1\r\n${CLOSE}${'X-A: a\r\n'.repeat(99)}\r\n`, 431, 'headers_too_large'],
    ['2,000 headers', `GET ${PATH} HTTP/1.1\r\n${HOST}${'A: a\r\n'.repeat(2_000)}\r\n`, 431, 'headers_too_large'],
    ['a URL of 9 KB', `GET /${'a'.repeat(9_000)} HTTP/1.1\r\n${CLOSE}\r\n`, 414, 'uri_too_long'],
    ['a URL of 20 KB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`, 414, 'uri_too_long'],
    ['chunks without end', `${POST}Transfer-Encoding: chunked\r\n\r\n${CHUNK.repeat(30)}`, 413, 'body_too_large'],
    ['a length beyond the limit', `${POST}Content-Length: 99999999\r\n\r\n`, 413, 'body_too_large'],
    ['half a head', `GET ${PATH} HTTP/1.1\r\nHo`, 408, 'request_timeout'],
    ['half a body', `${POST}Content-Length: 30\r\n\r\n{`, 408, 'request_timeout'],
  ])('%s is answered as a problem', async (_, bytes, status, code) => {
    const { head, body, ...answer } = await send(bytes);

    expect([answer.status, body.code, body.status]).toEqual([status, code, status]);
    expect(head).toContain('content-type: application/problem+json');
    expect(head).toContain(`x-request-id: ${body.request_id}`);
    expect(head).toContain("content-security-policy: default-src 'none'");
    expect(head).toContain('connection: close');
  });

  it.each([
    ['HTTP/1.0', `GET ${PATH} HTTP/1.0\r\n\r\n`, 200],
    ['the absolute form', `GET http://localhost${PATH}/ HTTP/1.1\r\n${CLOSE}\r\n`, 200],
    ['exactly 100 headers', `GET ${PATH} HTTP/1.1\r\n${CLOSE}${'X-A: a\r\n'.repeat(98)}\r\n`, 200],
    ['an expectation that nobody has', `GET ${PATH} HTTP/1.1\r\n${CLOSE}Expect: wonders\r\n\r\n`, 200],
    [
      'an upgrade that nobody offers',
      `GET ${PATH} HTTP/1.1\r\n${HOST}Connection: upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
      200,
    ],
    ['a body with GET', `GET ${PATH} HTTP/1.1\r\n${CLOSE}Content-Length: 3\r\n\r\n{x}`, 200],
    ['a body in chunks', `${POST}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`, 204],
    ['a bare asterisk', `OPTIONS * HTTP/1.1\r\n${CLOSE}\r\n`, 404],
  ])('%s is served as HTTP says', async (_, bytes, status) => {
    expect((await send(bytes)).status).toBe(status);
  });

  it('names the path of what was too large', async () => {
    const { body } = await send(`GET ${PATH}?a=b HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(20_000)}\r\n\r\n`);

    expect(body.instance).toBe(PATH);
  });

  it('nothing at all is closed in the end (R6)', async () => {
    const socket = open();

    expect(await read(socket)).toContain('request_timeout');
  });

  it.each([
    ['CONNECT', `CONNECT example.com:443 HTTP/1.1\r\n${HOST}\r\n`],
    ['rubbish', 'HELLO\r\n\r\n'],
    ['half a body', `${POST}Content-Length: 30\r\n\r\n{`],
  ])('%s and is gone does no harm', async (_, bytes) => {
    const gone = Array.from({ length: 20 }, () => open());
    await Promise.all(gone.map((socket) => once(socket, 'connect')));
    for (const socket of gone) socket.write(bytes, () => socket.resetAndDestroy());
    await Promise.all(gone.map((socket) => once(socket, 'close')));

    expect((await send(`GET ${PATH} HTTP/1.1\r\n${CLOSE}\r\n`)).status).toBe(200);
    expect(app.logs.filter((line) => / failed/.test(line))).toEqual([]);
  });

  it('slowly is closed in the end, and leaves the others alone (R6)', async () => {
    const slow = Array.from({ length: 500 }, () => open());
    for (const socket of slow) socket.write(`GET ${PATH} HTTP/1.1\r\nX-A: `);

    expect((await send(`GET ${PATH} HTTP/1.1\r\n${CLOSE}\r\n`)).status).toBe(200);
    await Promise.all(slow.map((socket) => read(socket)));
    expect((await send(`GET ${PATH} HTTP/1.1\r\n${CLOSE}\r\n`)).status).toBe(200);
  });
});

/** Waits until the listener is gone. */
async function refused(server: TestApp): Promise<void> {
  for (let gone = false; !gone;) {
    const socket = open(server);
    gone = await new Promise((resolve) =>
      socket.once('connect', () => resolve(false)).once('close', () => resolve(true)),
    );
    socket.destroy();
  }
}

describe('a shutdown (R2, R3)', () => {
  const REQUEST = `GET ${PATH} HTTP/1.1\r\n${HOST}\r\n`;

  it('says so first, serves on, answers what is under way, and waits for nothing else', async () => {
    // All that comes before the listener is gone must fit into the draining.
    const timings = { ...TIMINGS, request_ms: 30_000, drain_ms: 4_000, shutdown_ms: 30_000 };
    const ending = await startApp({ modules: [Probe], timings });
    const [used, held, silent] = [open(ending), open(ending), open(ending)];
    await once(silent, 'connect');
    used.write(REQUEST);
    expect(await read(used, /\{\}$/)).toContain('keep-alive');
    held.write(`GET ${PATH}/held HTTP/1.1\r\n${HOST}\r\n`);
    const answer = read(held);

    const closed = ending.close();
    const ready = await fetch(`${ending.url}/health/ready`);
    used.write(REQUEST);
    expect(ready.headers.get('connection')).toBe('close');
    expect(await read(used)).toMatch(/^HTTP\/1\.1 200 [^]*connection: close/i);
    await refused(ending);
    release();

    expect(await answer).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*"held":true/i);
    await Promise.all([closed, read(silent)]);
  });
});
