import { mkdtempSync, rmSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { RouteNotFoundError } from '../../src/common/http-errors.js';
import { ProblemFilter } from '../../src/common/problem.filter.js';
import { Inbox } from '../../src/dev/inbox.js';
import { SameMachineGuard } from '../../src/dev/mailbox/mailbox.guard.js';
import { MailboxModule } from '../../src/dev/mailbox/mailbox.module.js';

const directory = mkdtempSync(join(tmpdir(), 'omni-mailbox-'));
let inbox: Inbox;
let app: NestFastifyApplication;
let port: number;

beforeAll(async () => {
  inbox = await Inbox.start({ directory });
  app = await NestFactory.create<NestFastifyApplication>(MailboxModule.for(inbox), new FastifyAdapter(), {
    logger: false,
  });
  app.useGlobalFilters(new ProblemFilter());
  await app.listen(0, '127.0.0.1');
  ({ port } = app.getHttpServer().address() as AddressInfo);
});
afterAll(async () => {
  await app.close();
  await inbox.stop();
  rmSync(directory, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers: { host: 'localhost', ...headers } }, resolve)
      .once('error', reject)
      .end();
  });

describe.each(['/dev/mailbox', '/dev/mailbox.json'])('%s', (path) => {
  it.each(['localhost', 'localhost:3000', 'LOCALHOST', '127.0.0.1:3000', '[::1]:3000'])(
    'is there for %s',
    async (host) => {
      expect((await get(path, { host })).statusCode).toBe(200);
    },
  );

  it.each([
    ['another name, which a web page may have resolved to this machine', { host: 'evil.example' }],
    ['a name that begins like ours', { host: 'localhost.evil.example' }],
    ['a name that ends like ours', { host: 'evil.localhost' }],
    ['Forwarded', { forwarded: 'for=192.0.2.1' }],
    ['X-Forwarded-For', { 'x-forwarded-for': '127.0.0.1' }],
    ['X-Forwarded-Proto', { 'x-forwarded-proto': 'https' }],
    ['X-Real-IP', { 'x-real-ip': '127.0.0.1' }],
    ['Via', { via: '1.1 proxy' }],
  ])('does not exist for a request with %s', async (_, headers) => {
    const answer = await get(path, headers);

    expect(answer.statusCode).toBe(404);
    expect(JSON.parse(await text(answer))).toMatchObject({ code: 'not_found' });
  });
});

describe('a peer that is not this machine', () => {
  const allows = (remoteAddress: string) => {
    const raw = { socket: { remoteAddress }, headers: { host: 'localhost' } };
    const context = { switchToHttp: () => ({ getRequest: () => ({ raw }) }) } as unknown as ExecutionContext;
    return () => new SameMachineGuard().canActivate(context);
  };

  it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('is not %s', (address) => {
    expect(allows(address)()).toBe(true);
  });

  it.each(['192.168.0.2', 'fe80::1', '::ffff:10.0.0.1', ''])('is "%s", and finds nothing', (address) => {
    expect(allows(address)).toThrow(RouteNotFoundError);
  });
});

describe('the mailbox page', () => {
  it('runs no script but its own, and loads nothing from elsewhere', async () => {
    const answer = await get('/dev/mailbox');
    const policy = String(answer.headers['content-security-policy']);

    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'sha256-[^']+';/);
    expect(await text(answer)).not.toMatch(/<script[^>]+src=|<link|<img|allow-scripts|allow-same-origin/);
  });
});
