import { readSettings } from '../../src/config/read-settings.js';
import { mistakes } from '../support/mistakes.js';

const MINUTE = 60_000;

describe('booleans', () => {
  it.each([
    ['1', true],
    ['true', true],
    ['0', false],
    ['false', false],
  ])('read %s', (text, value) => {
    expect(readSettings({ DEBUG: text }).DEBUG).toBe(value);
  });

  it.each(['yes', 'TRUE', '2', 'on'])('refuse %s', (text) => {
    expect(mistakes({ DEBUG: text })).toEqual(['DEBUG must be 1, 0, true or false']);
  });
});

describe('SECRET_KEY', () => {
  const SECRET = 'kR8vT2xQ9mLw4Zc7Yb1Nd6Hs3Pf5Jg0A';
  const other = SECRET.split('').toReversed().join('');

  it.each<[what: string, text: string, ring: [string, string][]]>([
    ['one secret', SECRET, [['1', SECRET]]],
    ['one named secret', `k1:${SECRET}`, [['k1', SECRET]]],
    [
      'a ring, the first of which signs',
      `new:${SECRET},old:${other}`,
      [
        ['new', SECRET],
        ['old', other],
      ],
    ],
    ['a secret with a comma and no key id', `${SECRET},${other}`, [['1', `${SECRET},${other}`]]],
    [
      'a secret whose beginning is too long for a key id',
      `${'x'.repeat(17)}:${SECRET}`,
      [['1', `${'x'.repeat(17)}:${SECRET}`]],
    ],
  ])('reads %s', (_, text, ring) => {
    expect([...readSettings({ SECRET_KEY: text }).SECRET_KEY]).toEqual(ring);
  });

  it.each([
    ['a short secret', 'x'.repeat(31), 'SECRET_KEY each secret must have at least 32 bytes'],
    ['a short secret in a ring', `k1:${SECRET},k2:short`, 'SECRET_KEY each secret must have at least 32 bytes'],
    ['a key id twice', `k1:${SECRET},k1:${other}`, 'SECRET_KEY names a key id twice'],
    [
      'a ring with a nameless secret',
      `k1:${SECRET},${other}`,
      'SECRET_KEY must be kid:secret by comma throughout once it begins with a key id',
    ],
  ])('refuses %s (SEC-21)', (_, text, mistake) => {
    expect(mistakes({ SECRET_KEY: text })).toEqual([mistake]);
  });

  it('counts bytes, not characters', () => {
    expect(mistakes({ SECRET_KEY: 'é'.repeat(16) })).toEqual([]);
  });
});

describe('rates', () => {
  it.each([
    ['1/1s', { limit: 1, window_ms: 1_000 }],
    ['5/10m', { limit: 5, window_ms: 10 * MINUTE }],
    ['100/24h', { limit: 100, window_ms: 24 * 60 * MINUTE }],
  ])('read %s', (text, value) => {
    expect(readSettings({ RATE_LIMIT_LOGIN: text }).RATE_LIMIT_LOGIN).toEqual(value);
  });

  it.each(['5', '5/m', '5/1d', '0/1m', '5/0m', '-5/1m', '5/1m '])('refuse "%s"', (text) => {
    expect(mistakes({ RATE_LIMIT_LOGIN: text })).toEqual([
      expect.stringMatching(/^RATE_LIMIT_LOGIN must look like 5\/1m/),
    ]);
  });
});

describe('CIDRs', () => {
  it.each([
    ['10.1.2.3', true],
    ['11.0.0.1', false],
    ['fd00::1', true],
    ['fe80::1', false],
    ['not an address', false],
  ])('know whether %s is inside', (address, inside) => {
    const { TRUSTED_PROXY_CIDRS } = readSettings({ TRUSTED_PROXY_CIDRS: '10.0.0.0/8, fd00::/8' });

    expect(TRUSTED_PROXY_CIDRS?.includes(address)).toBe(inside);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '::/129', '0.0.0.0/0', 'proxy/8', '10.0.0.0/8,'])('refuse "%s"', (text) => {
    expect(mistakes({ TRUSTED_PROXY_CIDRS: text })).toEqual([
      expect.stringMatching(/^TRUSTED_PROXY_CIDRS ".*" is no network/),
    ]);
  });
});

describe('addresses and passwords', () => {
  it('are told all at once where nobody could log in by them, or no mail could leave', () => {
    expect(mistakes({ ADMIN_EMAIL: 'nobody', MAIL_FROM: 'Omni <nowhere>', PORT: 'x' })).toEqual([
      expect.stringMatching(/^PORT/),
      'MAIL_FROM must look like `Name <address@host>`',
      'ADMIN_EMAIL must be an e-mail address',
    ]);
    expect(mistakes({ ADMIN_EMAIL: 'ada@example.com', ADMIN_PASSWORD: 'short' })).toEqual([
      'ADMIN_PASSWORD must have 8 to 128 characters',
    ]);
    for (const ADMIN_PASSWORD of ['é'.repeat(8), 'x'.repeat(128)])
      expect(mistakes({ ADMIN_EMAIL: 'Ada@example.com', ADMIN_PASSWORD })).toEqual([]);
    expect(mistakes({ ADMIN_EMAIL: 'a@example.com', ADMIN_PASSWORD: 'x'.repeat(129) })).toHaveLength(1);
  });
});
