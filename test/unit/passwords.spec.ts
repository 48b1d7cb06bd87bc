import { availableParallelism } from 'node:os';
import { Algorithm, hash as argon2, verify } from '@node-rs/argon2';
import { readSettings } from '../../src/config/read-settings.js';
import { Timings } from '../../src/config/timings.js';
import { Passwords } from '../../src/users/passwords.js';
import { CommonPasswords } from '../../src/users/passwords/common-passwords.js';
import { OverloadedError } from '../../src/users/users.errors.js';

/** The real thing, and watched. */
jest.mock('@node-rs/argon2', () => {
  const real = jest.requireActual<typeof import('@node-rs/argon2')>('@node-rs/argon2');
  return { ...real, verify: jest.fn(real.verify) };
});

const passwordsWith = (raw = {}, timings = {}) => {
  const settings = readSettings(raw);
  return new Passwords(settings, new Timings(timings), new CommonPasswords(settings));
};
const passwords = passwordsWith();

describe('a stored password', () => {
  it('is Argon2id at 19 MiB, two passes and one lane, with a salt of its own (SEC-01)', async () => {
    const [one, other] = await Promise.all([passwords.hash('Password123'), passwords.hash('Password123')]);

    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22,}\$[\w+/]{43}$/);
    expect(other).not.toBe(one);
  });

  it.each([
    ['the form of the seed document', 'Password123'],
    ['spaces', 'correct horse battery staple'],
    ['a space before and after', ' eight chars '],
    ['another alphabet', 'парольпароль'],
    ['eight emoji', '😀'.repeat(8)],
    ['128 characters', 'x'.repeat(128)],
  ])('of %s is found right again, and only that one (SEC-04)', async (_, password) => {
    const stored = await passwords.hash(password);

    expect(await passwords.verify(stored, password)).toBe(true);
    expect(await passwords.verify(stored, `${password} `)).toBe(false);
    expect(await passwords.verify(stored, [...password].slice(1).join(''))).toBe(false);
  });

  it('counts to its last character (SEC-03)', async () => {
    const stored = await passwords.hash(`${'x'.repeat(99)}a`);

    expect(await passwords.verify(stored, `${'x'.repeat(99)}a`)).toBe(true);
    expect(await passwords.verify(stored, `${'x'.repeat(99)}b`)).toBe(false);
  });

  it('is the same from a keyboard that composes letters otherwise (SEC-04)', async () => {
    const stored = await passwords.hash('Crème brûlée'.normalize('NFD'));

    expect(await passwords.verify(stored, 'Crème brûlée'.normalize('NFC'))).toBe(true);
  });

  it('keeps its case', async () => {
    expect(await passwords.verify(await passwords.hash('Password123'), 'password123')).toBe(false);
  });
});

describe('PASSWORD_MIN_LENGTH', () => {
  const strict = passwordsWith({ PASSWORD_MIN_LENGTH: '15' });

  it('counts code points (SEC-03)', async () => {
    await expect(strict.hash('😀'.repeat(14))).rejects.toMatchObject({
      errors: [{ pointer: '#/password', code: 'min_length', message: 'must have at least 15 characters' }],
    });
    await expect(strict.hash('😀'.repeat(15))).resolves.toMatch(/^\$argon2id/);
  });
});

describe('an account that does not exist', () => {
  it('never has the right password, and costs the very same comparison (SEC-27)', async () => {
    const compared = jest.mocked(verify);
    compared.mockClear();
    await passwords.verify(await passwords.hash('Password123'), 'wrong');

    expect(await passwords.verify(undefined, 'wrong')).toBe(false);

    const [real, decoy] = compared.mock.calls.map(([stored]) => String(stored).split('$').slice(0, 4));
    expect(compared).toHaveBeenCalledTimes(2);
    expect(decoy).toEqual(real);
  });
});

describe('isOutdated()', () => {
  const madeWith = (cost: { memoryCost?: number; timeCost?: number; parallelism?: number; algorithm?: Algorithm }) =>
    argon2('Password123', { memoryCost: 19_456, timeCost: 2, parallelism: 1, algorithm: Algorithm.Argon2id, ...cost });

  it('is false for what is made today', async () => {
    expect(passwords.isOutdated(await passwords.hash('Password123'))).toBe(false);
    expect(passwords.isOutdated(await madeWith({}))).toBe(false);
  });

  it.each([
    ['less memory', { memoryCost: 8_192 }],
    ['one pass', { timeCost: 1 }],
    ['two lanes', { parallelism: 2 }],
    ['Argon2i', { algorithm: Algorithm.Argon2i }],
  ])('is true for %s', async (_, cost) => {
    expect(passwords.isOutdated(await madeWith(cost))).toBe(true);
  });
});

describe('more passwords than the processors can take on', () => {
  it('are refused with the seconds to wait, once they have waited', async () => {
    const hurried = passwordsWith({}, { hash_wait_ms: 1 });
    const rush = Array.from({ length: availableParallelism() + 20 }, () => hurried.hash('Password123'));
    const results = await Promise.allSettled(rush);
    const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown);

    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(rush.length);
    for (const error of refused) {
      expect(error).toBeInstanceOf(OverloadedError);
      expect(error).toMatchObject({ code: 'overloaded', retryAfter: 1 });
    }
  });
});
