import { TOTP } from 'otpauth';
import { newRecoveryCodes, plainCode, recoveryCodeHash } from '../../src/auth/mfa/recovery-codes.js';
import { describeTotp, isTotpCode, newTotpSecret, totpStep } from '../../src/auth/mfa/totp.js';
import { fromBase32, totpCode } from '../support/second-factor.js';

/** RFC 6238 appendix B, SHA-1. It shows eight digits; ours are the last six of them. */
const SECRET = Buffer.from('12345678901234567890');
const VECTORS: [seconds: number, step: number, code: string][] = [
  [59, 0x1, '94287082'],
  [1_111_111_109, 0x23523ec, '07081804'],
  [1_111_111_111, 0x23523ed, '14050471'],
  [1_234_567_890, 0x273ef07, '89005924'],
  [2_000_000_000, 0x3f940aa, '69279037'],
  [20_000_000_000, 0x27bc86aa, '65353130'],
];

const six = (code: string): string => code.slice(-6);

describe('a code of an authenticator app', () => {
  it.each(VECTORS)('is that of RFC 6238 at %i s', (seconds, step, code) => {
    expect(totpStep(SECRET, six(code), seconds * 1_000)).toBe(step);
  });

  it.each(VECTORS)('is what the app of these tests shows at %i s', (seconds, _, code) => {
    const { secret } = describeTotp(SECRET, { issuer: 'Omni', email: 'ada@example.com' });

    expect(totpCode(secret, seconds * 1_000)).toBe(six(code));
  });

  it.each([-30, 0, 30])('counts a step early and a step late: %i s', (off) => {
    const [seconds, step, code] = VECTORS[4]!;

    expect(totpStep(SECRET, six(code), (seconds + off) * 1_000)).toBe(step);
  });

  it.each([-60, 60])('counts no earlier and no later: %i s', (off) => {
    const [seconds, , code] = VECTORS[4]!;

    expect(totpStep(SECRET, six(code), (seconds + off) * 1_000)).toBeNull();
  });

  it('may be typed with a space in the middle', () => {
    const [seconds, step, code] = VECTORS[3]!;

    expect(totpStep(SECRET, six(code).replace(/^.../, '$& '), seconds * 1_000)).toBe(step);
  });

  it.each(['', '12345', '1234567', '12345a', '１２３４５６', '-12345', '+12345', '1e1000', '12345\n\n6\0'])(
    'is not %j',
    (code) => {
      expect(isTotpCode(code)).toBe(false);
      expect(totpStep(SECRET, code)).toBeNull();
    },
  );
});

describe('a secret', () => {
  it('has 160 random bits, and no two are the same', () => {
    const secrets = Array.from({ length: 100 }, () => newTotpSecret());

    for (const secret of secrets) expect(secret).toHaveLength(20);
    expect(new Set(secrets.map((secret) => secret.toString('hex'))).size).toBe(100);
  });

  it('is told in base32 and as an address that apps read', () => {
    const secret = newTotpSecret();
    const told = describeTotp(secret, { issuer: 'Omni: the & service', email: 'ada+test@example.com' });
    const url = new URL(told.otpauth_url);

    expect(told.secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(fromBase32(told.secret)).toEqual(secret);
    expect([url.protocol, url.host]).toEqual(['otpauth:', 'totp']);
    expect(decodeURIComponent(url.pathname)).toBe('/Omni: the & service:ada+test@example.com');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      issuer: 'Omni: the & service',
      secret: told.secret,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });

  it('makes the codes that otpauth makes', () => {
    const secret = newTotpSecret();
    const { secret: base32 } = describeTotp(secret, { issuer: 'Omni', email: 'ada@example.com' });

    expect(new TOTP({ secret: base32 }).generate({ timestamp: 1_234_567 })).toBe(totpCode(base32, 1_234_567));
  });
});

describe('recovery codes', () => {
  it('are ten, of eighty bits each, in groups that can be typed', () => {
    const codes = newRecoveryCodes();

    expect(codes).toHaveLength(10);
    expect(new Set([...codes, ...newRecoveryCodes()]).size).toBe(20);
    for (const code of codes) {
      expect(code).toMatch(/^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$/);
      expect(fromBase32(plainCode(code))).toHaveLength(10);
    }
  });

  it.each([
    ['small letters', (code: string) => code.toLowerCase()],
    ['no dashes', (code: string) => code.replaceAll('-', '')],
    ['spaces', (code: string) => ` ${code.replaceAll('-', ' ')} `],
  ])('are the same with %s', (_, write) => {
    const [code] = newRecoveryCodes();

    expect(recoveryCodeHash('somebody', write(code!))).toBe(recoveryCodeHash('somebody', code!));
  });

  it('are hashed with whose they are: a row is worth nothing to anybody else', () => {
    const [code] = newRecoveryCodes();

    expect(recoveryCodeHash('somebody', code!)).not.toBe(recoveryCodeHash('somebody else', code!));
  });
});
