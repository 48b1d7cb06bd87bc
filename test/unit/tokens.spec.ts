import { createHmac, generateKeyPairSync, randomUUID, sign as signWithKey } from 'node:crypto';
import { JwtService } from '@nestjs/jwt';
import { Tokens } from '../../src/auth/tokens.js';
import { InvalidTokenError } from '../../src/auth/auth.errors.js';
import { Keyring } from '../../src/common/keyring.js';
import { withRequestContext } from '../../src/common/request-context.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { readSettings } from '../../src/config/read-settings.js';

const FIRST = 'first-ring-7hG2kQ9xW4mZ8vB1nC5pL3sD6';
const SECOND = 'second-ring-R8tY2uI4oP6aS1dF3gH5jK7l';

function tokensWith(SECRET_KEY: string, given = {}) {
  const settings = readSettings({ SECRET_KEY, ...given });
  const keyring = new Keyring(settings);
  return { tokens: new Tokens(new JwtService(), keyring, settings), keyring };
}

const { tokens, keyring } = tokensWith(`k1:${FIRST}`);
const secret = keyring.derive('access-token', 'k1');
const whose = { user_id: uuidv7(), session_id: uuidv7(), tenant_id: uuidv7() };

const now = (): number => Math.floor(Date.now() / 1_000);
const HEADER = { alg: 'HS256', typ: 'at+jwt', kid: 'k1' };
const claims = (): Record<string, unknown> => ({
  iss: 'omni',
  aud: 'omni',
  sub: whose.user_id,
  sid: whose.session_id,
  tid: whose.tenant_id,
  jti: uuidv7(),
  iat: now(),
  nbf: now(),
  exp: now() + 600,
});

const base64url = (text: string): string => Buffer.from(text).toString('base64url');
const encoded = (part: object): string => base64url(JSON.stringify(part));
const HASHES: Record<string, string> = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };

function signed(head: string, payload: string, key: Buffer | string = secret, hash = 'sha256'): string {
  return `${head}.${payload}.${createHmac(hash, key).update(`${head}.${payload}`).digest('base64url')}`;
}

/** A token made by hand, signed with the right key unless another is given. */
function forge(header: object = {}, payload: object = {}, key: Buffer | string = secret): string {
  const head = { ...HEADER, ...header };
  return signed(encoded(head), encoded({ ...claims(), ...payload }), key, HASHES[head.alg]);
}

const read = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as object;

describe('a token of ours', () => {
  it('names user, session and tenant, and neither role nor address', async () => {
    const token = await tokens.sign(whose);

    expect(Object.keys(read(token)).toSorted()).toEqual([
      'aud',
      'exp',
      'iat',
      'iss',
      'jti',
      'nbf',
      'sid',
      'sub',
      'tid',
    ]);
    expect(await tokens.verify(token)).toMatchObject({
      iss: 'omni',
      aud: 'omni',
      sub: whose.user_id,
      sid: whose.session_id,
      tid: whose.tenant_id,
    });
  });

  it('says algorithm, type and key id in its header', async () => {
    const [head] = (await tokens.sign(whose)).split('.');

    expect(JSON.parse(Buffer.from(head!, 'base64url').toString())).toEqual({ ...HEADER });
  });

  it('lives as long as ACCESS_TOKEN_EXPIRE_MINUTES says', async () => {
    const { tokens: brief } = tokensWith(FIRST, { ACCESS_TOKEN_EXPIRE_MINUTES: '5' });
    const { iat, exp, nbf } = await brief.verify(await brief.sign(whose));

    expect(brief.expires_in).toBe(300);
    expect(exp - iat).toBe(300);
    expect(nbf).toBe(iat);
  });

  it('is another one every time', async () => {
    expect(await tokens.sign(whose)).not.toBe(await tokens.sign(whose));
  });

  it('is the form that the tests below forge', async () => {
    await expect(tokens.verify(forge())).resolves.toMatchObject({ sub: whose.user_id });
  });
});

describe('refused is', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const rs256 = (): string => {
    const text = `${encoded({ ...HEADER, alg: 'RS256' })}.${encoded(claims())}`;
    return `${text}.${signWithKey('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
  };

  it.each<[what: string, token: () => string]>([
    ['no algorithm (SEC-17)', () => `${forge({ alg: 'none' }).split('.', 2).join('.')}.`],
    ['no algorithm, oddly spelt (SEC-17)', () => `${forge({ alg: 'nOnE' }).split('.', 2).join('.')}.`],
    ['no algorithm, with a good signature (SEC-17)', () => forge({ alg: 'none' })],
    ['HS384 (SEC-17)', () => forge({ alg: 'HS384' })],
    ['HS512 (SEC-17)', () => forge({ alg: 'HS512' })],
    ['RS256 (SEC-17)', () => rs256()],
    ['a public key as the secret (SEC-17)', () => forge({}, {}, pem)],
    ['a missing signature (SEC-17)', () => `${forge().split('.', 2).join('.')}.`],
    ['a signature with a changed end (SEC-17)', () => `${forge().slice(0, -4)}AAAA`],
    [
      'a payload that was changed (SEC-17)',
      () => {
        const [head, , signature] = forge().split('.');
        return [head, encoded({ ...claims(), sub: uuidv7() }), signature].join('.');
      },
    ],
    ['another secret (SEC-17)', () => forge({}, {}, SECOND)],
    ['the secret itself instead of what is derived from it (SEC-20)', () => forge({}, {}, FIRST)],
    ['a key derived for another purpose (SEC-20)', () => forge({}, {}, keyring.derive('outbox'))],
    ['an unknown key id (SEC-17)', () => forge({ kid: 'k2' })],
    ['a key id that is a path (SEC-18)', () => forge({ kid: '../../etc/passwd' })],
    ['a key id of 10 KB (SEC-18)', () => forge({ kid: 'k'.repeat(10_000) })],
    ['a key id that every object has (SEC-18)', () => forge({ kid: '__proto__' })],
    ['a key id that is no text (SEC-18)', () => forge({ kid: ['k1'] })],
    ['no key id (SEC-18)', () => forge({ kid: undefined })],
    ['another type (SEC-19)', () => forge({ typ: 'JWT' })],
    ['no type (SEC-19)', () => forge({ typ: undefined })],
    ['a token for the second factor (SEC-20)', () => forge({ typ: 'mfa+jwt' })],
    ['another audience (SEC-19)', () => forge({}, { aud: 'elsewhere' })],
    ['another issuer (SEC-19)', () => forge({}, { iss: 'elsewhere' })],
    ['one that is over (SEC-19)', () => forge({}, { exp: now() - 31 })],
    ['one that has not begun (SEC-19)', () => forge({}, { nbf: now() + 40 })],
    ['a subject that is no id (SEC-19)', () => forge({}, { sub: 'admin' })],
    ['a session that is no text (SEC-19)', () => forge({}, { sid: { $ne: null } })],
    ['an expiry that is no number (SEC-19)', () => forge({}, { exp: '9999999999' })],
    ['an expiry that is no whole number (SEC-19)', () => forge({}, { exp: now() + 60.5 })],
    ['more than 4 KB', () => forge({}, { padding: 'x'.repeat(4_000) })],
    ['a payload that is no object', () => signed(encoded(HEADER), base64url('"omni"'))],
    ['a payload that is no JSON', () => signed(encoded(HEADER), base64url('{'))],
    ['a header that is no JSON', () => signed(base64url('{'), encoded(claims()))],
    ['a header that is null', () => signed(base64url('null'), encoded(claims()))],
    ['an empty text', () => ''],
    ['dots', () => '..'],
    ['a random text', () => randomUUID()],
  ])('%s', async (_, token) => {
    await expect(tokens.verify(token())).rejects.toThrow(InvalidTokenError);
  });

  it.each(['iss', 'aud', 'sub', 'sid', 'tid', 'jti', 'iat', 'nbf', 'exp'])(
    'a token without %s (SEC-19)',
    async (name) => {
      await expect(tokens.verify(forge({}, { [name]: undefined }))).rejects.toThrow(InvalidTokenError);
    },
  );

  it.each(['jku', 'x5u', 'jwk', 'x5c'])(
    'no token for its %s header: what it names is never looked at (SEC-18)',
    async (name) => {
      const own = { jku: 'http://127.0.0.1:9/keys', x5u: 'http://127.0.0.1:9/key', jwk: { kty: 'oct', k: SECOND } };
      const named = { [name]: { ...own, x5c: [pem] }[name] };

      await expect(tokens.verify(forge(named, {}, SECOND))).rejects.toThrow(InvalidTokenError);
    },
  );
});

describe('a clock that is a little off', () => {
  it('makes no difference', async () => {
    await expect(tokens.verify(forge({}, { exp: now() - 20 }))).resolves.toBeDefined();
    await expect(tokens.verify(forge({}, { nbf: now() + 20 }))).resolves.toBeDefined();
  });
});

describe('a ring of keys', () => {
  it('signs with its first and verifies with all', async () => {
    const { tokens: rotated } = tokensWith(`k2:${SECOND},k1:${FIRST}`);
    const [head] = (await rotated.sign(whose)).split('.');

    expect(JSON.parse(Buffer.from(head!, 'base64url').toString())).toMatchObject({ kid: 'k2' });
    await expect(rotated.verify(await tokens.sign(whose))).resolves.toMatchObject({ sub: whose.user_id });
    await expect(rotated.verify(await rotated.sign(whose))).resolves.toMatchObject({ sub: whose.user_id });
  });

  it('refuses what a dropped key signed', async () => {
    const { tokens: later } = tokensWith(`k2:${SECOND}`);

    await expect(later.verify(await tokens.sign(whose))).rejects.toThrow(InvalidTokenError);
  });

  it('takes no token whose key id names another of its keys', async () => {
    const { tokens: rotated } = tokensWith(`k2:${SECOND},k1:${FIRST}`);

    await expect(rotated.verify(forge({ kid: 'k2' }))).rejects.toThrow(InvalidTokenError);
  });
});

describe('within one request', () => {
  const within = <T>(work: () => T): T => withRequestContext({ request_id: randomUUID(), ip: '192.0.2.1' }, work);

  it('a token is proven once, and every other one, and every other request, by itself', async () => {
    const jwt = new JwtService();
    const prove = jest.spyOn(jwt, 'verifyAsync');
    const counted = new Tokens(jwt, keyring, readSettings({ SECRET_KEY: `k1:${FIRST}` }));
    const [one, other, false_one] = [
      await counted.sign(whose),
      await counted.sign(whose),
      forge({}, {}, 'not the key'),
    ];

    await within(async () => {
      expect(await counted.findUser(`Bearer ${one}`)).toBe(whose.user_id);
      expect(await counted.verify(one)).toMatchObject({ sid: whose.session_id });
      expect(prove).toHaveBeenCalledTimes(1);
      expect(await counted.verify(other)).not.toEqual(await counted.verify(one));
      await expect(counted.verify(false_one)).rejects.toThrow(InvalidTokenError);
      await expect(counted.verify(false_one)).rejects.toThrow(InvalidTokenError);
    });
    prove.mockClear();
    await within(() => counted.verify(one));
    expect(prove).toHaveBeenCalledTimes(1);
  });
});
