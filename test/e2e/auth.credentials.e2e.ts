import { createHmac } from 'node:crypto';
import { Keyring } from '../../src/common/keyring.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { member, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { succeed, type Answer, type Client } from '../support/client.js';
import { settled } from '../support/links.js';
import { PATIENT } from '../support/visitors.js';

let app: TestApp;
let ada: Client;
let eve: Client;
beforeAll(async () => {
  app = await startApp({ timings: PATIENT });
  ada = await app.signUp();
  eve = await app.signUp();
});

const withHeader = (authorization: string): Promise<Answer> =>
  app.request('GET', '/users/me', { headers: { authorization } });

/** A protected route, and a public one that would do something. */
const both = (authorization: string): Promise<Answer[]> =>
  Promise.all([
    withHeader(authorization),
    app.request('POST', '/users', { body: someAccount(), headers: { authorization } }),
  ]);

const INVALID = { status: 401, code: 'invalid_token', detail: 'Invalid token' };

const base64url = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');

/** A token like our own, but for what is given here. */
function forge({ header = {}, claims = {}, purpose = 'access-token', hash = 'sha256' }: Forgery = {}): string {
  const keyring = app.app.get(Keyring);
  const [head, payload] = ada.token
    .split('.')
    .map((part, at) => (at < 2 ? JSON.parse(Buffer.from(part, 'base64url').toString()) : null));
  const text = `${base64url({ ...head, ...header })}.${base64url({ ...payload, ...claims })}`;
  return `${text}.${createHmac(hash, keyring.derive(purpose)).update(text).digest('base64url')}`;
}
interface Forgery {
  header?: object;
  claims?: object;
  purpose?: string;
  hash?: string;
}
const seconds = (fromNow: number): number => Math.floor(Date.now() / 1_000) + fromNow;

describe('the Authorization header', () => {
  it('takes a bearer token, however the word is written', async () => {
    for (const word of ['Bearer', 'bearer', 'BEARER'])
      expect((await withHeader(`${word} ${ada.token}`)).status).toBe(200);
  });

  it('that is not there is another matter than one that is wrong', async () => {
    const { status, headers, body } = await app.request('GET', '/users/me');

    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(body).toMatchObject({ type: 'urn:omni:problem:unauthenticated', code: 'unauthenticated' });
  });

  it.each<[what: string, header: (token: string) => string]>([
    ['another scheme', (token) => `Token ${token}`],
    ['a password', () => `Basic ${Buffer.from(`${ada.email}:${ada.password}`).toString('base64')}`],
    ['the scheme alone', () => 'Bearer'],
    ['the token alone', (token) => token],
    ['nothing', () => ''],
    ['two tokens', (token) => `Bearer ${token}, Bearer ${token}`],
    ['two tokens by a space', (token) => `Bearer ${token} ${token}`],
    ['two spaces', (token) => `Bearer  ${token}`],
    ['a quoted token', (token) => `Bearer "${token}"`],
    ['a token with a character too much', (token) => `Bearer ${token}A`],
    ['a token with a character too little', (token) => `Bearer ${token.slice(0, -1)}`],
    ['10 KB', () => `Bearer ${'a'.repeat(10_000)}`],
    ['rubbish', () => 'Bearer rubbish'],
    ['an API key of nobody', () => 'Bearer ak_0123456789abcdef'],
  ])('with %s is refused, on a public route too', async (_, header) => {
    for (const { body, headers } of await both(header(ada.token))) {
      expect(body).toMatchObject(INVALID);
      expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    }
  });

  it('is the only identity: no other header, no query, no cookie is one', async () => {
    const headers = {
      cookie: `access_token=${ada.token}; token=${ada.token}`,
      'x-user-id': ada.user.id,
      'x-tenant-id': ada.user.tenant_id,
      'x-forwarded-user': ada.email,
      'x-api-key': ada.token,
      'proxy-authorization': `Bearer ${ada.token}`,
    };

    expect((await app.request('GET', '/users/me', { headers })).body.code).toBe('unauthenticated');
    expect((await app.request('GET', `/users/me?access_token=${ada.token}`)).body.code).toBe('unauthenticated');
  });

  it('does not let a request name another tenant than its own (SEC-38)', async () => {
    const [tenant, other] = await Promise.all([newTenant(app), newTenant(app)]);
    const [admin, hidden] = await Promise.all([member(app, tenant, 'admin'), member(app, other)]);
    const { status } = await admin.get(`/users/${hidden.user.id}`, { 'x-tenant-id': other, 'x-tenant': other });

    expect(status).toBe(404);
  });

  it('is not looked at where health is asked for', async () => {
    const headers = { authorization: 'Bearer rubbish' };

    for (const path of ['~/health/live', '~/health/ready']) {
      expect((await app.request('GET', path, { headers })).status).toBe(200);
    }
  });
});

describe('a token', () => {
  it('is the form that the tests below forge', async () => {
    for (const { status } of await both(`Bearer ${forge()}`)) expect(status).toBeLessThan(300);
  });

  it.each<[what: string, forgery: () => Forgery]>([
    ['no algorithm (SEC-17)', () => ({ header: { alg: 'none' } })],
    ['HS512 (SEC-17)', () => ({ header: { alg: 'HS512' }, hash: 'sha512' })],
    ['an unknown key id (SEC-17)', () => ({ header: { kid: 'other' } })],
    ['a key id of 10 KB (SEC-18)', () => ({ header: { kid: 'k'.repeat(10_000) } })],
    ['a key id that is a path (SEC-18)', () => ({ header: { kid: '../../dev/null' } })],
    ['a key of its own by URL (SEC-18)', () => ({ header: { jku: 'http://127.0.0.1:9/' }, purpose: 'elsewhere' })],
    ['a key of its own (SEC-18)', () => ({ header: { jwk: { kty: 'oct', k: 'AAAA' } }, purpose: 'elsewhere' })],
    ['the type of a second factor (SEC-20)', () => ({ header: { typ: 'mfa+jwt' } })],
    ['a key for another purpose (SEC-20)', () => ({ purpose: 'outbox' })],
    ['another audience (SEC-19)', () => ({ claims: { aud: 'elsewhere' } })],
    ['another issuer (SEC-19)', () => ({ claims: { iss: 'elsewhere' } })],
    ['an expiry 40 s ago (SEC-19)', () => ({ claims: { iat: seconds(-100), nbf: seconds(-100), exp: seconds(-40) } })],
    ['a beginning in 60 s (SEC-19)', () => ({ claims: { nbf: seconds(60) } })],
    ['no expiry (SEC-19)', () => ({ claims: { exp: undefined } })],
    ['no subject (SEC-19)', () => ({ claims: { sub: undefined } })],
    ['no session (SEC-19)', () => ({ claims: { sid: undefined } })],
    ['no tenant (SEC-19)', () => ({ claims: { tid: undefined } })],
    ['a session that never was', () => ({ claims: { sid: uuidv7() } })],
    ['a session that is no id', () => ({ claims: { sid: "' OR 1=1 --" } })],
    ["a subject that is not the session's", () => ({ claims: { sub: eve.user.id } })],
    ["a tenant that is not the session's", () => ({ claims: { tid: uuidv7() } })],
  ])('with %s is refused with 401, on a public route too', async (_, forgery) => {
    for (const { body } of await both(`Bearer ${forge(forgery())}`)) expect(body).toMatchObject(INVALID);
  });

  it('of somebody who is gone says so', async () => {
    const leaver = await app.signUp();
    succeed(await leaver.delete('/users/me'));
    const gone = { status: 401, code: 'invalid_token', detail: 'User not found' };

    for (const token of [leaver.token, forge({ claims: { sub: uuidv7() } })])
      for (const { body } of await both(`Bearer ${token}`)) expect(body).toMatchObject(gone);
  });

  it('gives no more rights than the session has, whatever it says', async () => {
    const token = forge({ claims: { role: 'platform_admin', admin: true } });

    expect((await app.request('GET', '/users', { token })).body.code).toBe('forbidden');
  });

  it('is good for 30 seconds more, since clocks differ', async () => {
    expect((await withHeader(`Bearer ${forge({ claims: { exp: seconds(-5) } })}`)).status).toBe(200);
  });

  it('outlives a rotation of SECRET_KEY, until the old key is dropped (SEC-17)', async () => {
    const old = [...app.settings.SECRET_KEY.values()][0]!;
    const next = 'n3xt-'.padEnd(40, 'aB1-zY9_');
    const askWith = async (SECRET_KEY: string, token: string): Promise<number> => {
      const replica = await startApp({ settings: { SECRET_KEY } });
      const { status } = await replica.request('GET', '/users/me', { token });
      await replica.close();
      return status;
    };
    // A mail that waits is sealed by the old key, and stands in the way of a start without it.
    await settled(app);

    expect(await askWith(`k2:${next},1:${old}`, ada.token)).toBe(200);
    expect(await askWith(`k2:${next}`, ada.token)).toBe(401);
  });
});
