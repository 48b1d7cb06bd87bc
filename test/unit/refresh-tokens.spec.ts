import { randomUUID } from 'node:crypto';
import { RefreshTokens } from '../../src/auth/sessions/refresh-tokens.js';
import { Keyring } from '../../src/common/keyring.js';
import { hashOfToken } from '../../src/common/one-time-token.js';
import { readSettings } from '../../src/config/read-settings.js';

const OLD = 'old:ring-7hG2kQ9xW4mZ8vB1nC5pL3sD6fJ0tR';
const NEW = 'new:ring-R8tY2uI4oP6aS1dF3gH5jK7lZ9xC0v';

function tokensOf(...ring: string[]): RefreshTokens {
  const settings = readSettings({ SECRET_KEY: ring.join(',') });
  return new RefreshTokens(new Keyring(settings), settings);
}

const session = '019afe70-2e87-7e64-a543-21d0d03f1ed2';
const tokens = tokensOf(OLD, NEW);

describe('a refresh token', () => {
  it('is of its session and like no other (SEC-23)', () => {
    const made = Array.from({ length: 10_000 }, () => tokens.first(session));

    expect(new Set(made.map((token) => hashOfToken(token).toString('hex'))).size).toBe(10_000);
    for (const token of made) expect(tokens.sessionOf(token)).toBe(session);
    expect(made.every((token) => tokens.isOurs(token))).toBe(true);
  });

  it('has one successor under one key, of the same session, and quite another under another', () => {
    const first = tokens.first(session);
    const { token: next, key_id } = tokens.successor(first);
    const rotated = tokensOf(NEW, OLD).successor(first);

    expect(key_id).toBe('old');
    expect(tokens.successorBy('old', first)).toBe(next);
    expect(rotated).toEqual({ token: tokens.successorBy('new', first), key_id: 'new' });
    expect(rotated.token).not.toBe(next);
    expect(tokens.successor(tokens.first(session)).token).not.toBe(next);
    for (const token of [next, rotated.token]) expect(tokens.sessionOf(token)).toBe(session);
  });

  it('has no successor under a key that is gone', () => {
    expect(tokensOf(NEW).successorBy('old', tokens.first(session))).toBeNull();
    expect(tokens.successorBy(null, tokens.first(session))).toBeNull();
  });

  it('is ours as long as the ring holds the key that marked it', () => {
    const { token } = tokens.successor(tokens.first(session));

    expect(tokensOf(NEW, OLD).isOurs(token)).toBe(true);
    expect(tokensOf(NEW).isOurs(token)).toBe(false);
  });

  it('is not ours when a bit of it is another, or when it is said to be of another session', () => {
    const bytes = Buffer.from(tokens.first(session), 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(tokens.isOurs(changed.toString('base64url'))).toBe(false);
    }
    const moved = Buffer.concat([Buffer.from(randomUUID().replaceAll('-', ''), 'hex'), bytes.subarray(16)]);
    expect(tokens.isOurs(moved.toString('base64url'))).toBe(false);
  });

  it.each(['', 'rubbish', 'x'.repeat(83), 'x'.repeat(85), `${'x'.repeat(83)}+`, `${'x'.repeat(83)}=`, 'ж'.repeat(84)])(
    'is not %j',
    (text) => {
      expect(tokens.sessionOf(text)).toBeNull();
    },
  );
});
