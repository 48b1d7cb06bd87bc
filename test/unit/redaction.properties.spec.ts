import fc from 'fast-check';
import { PIIRedactionFilter } from '../../src/common/logging/pii-redaction.js';

const filter = new PIIRedactionFilter();
const told = (value: unknown): string => JSON.stringify(filter.redact(value));

const ID = '0198b5e2-7f3a-7c11-8a54-3f1c9d2e6b70';

/** A digit that makes the sum right (Luhn). */
const withCheckDigit = (digits: string): string => {
  const sum = [...digits].reverse().reduce((total, digit, at) => {
    const value = Number(digit) * (at % 2 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return digits + ((10 - (sum % 10)) % 10);
};

const word = fc.stringMatching(/^[a-z][a-z0-9]{7,11}$/).map((text) => `zq${text}`);
const digits = (count: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^\\d{${count}}$`));

const SECRET_VALUES: fc.Arbitrary<string>[] = [
  word.map((name) => `${name}@example.com`),
  word.map((name) => `eyJ${name}.eyJ${name}.${name}`),
  word.map((name) => `ak_${name}`),
  word.map((name) => `sk_live_${name}`),
  digits(14).map((number) => withCheckDigit(`4${number}`)),
  digits(9).map((number) => `+491${number}`),
  fc.ipV4().filter((ip) => ip !== '0.0.0.0'),
];

/** The key as anybody might spell it. */
const spelled = (key: string): fc.Arbitrary<string> =>
  fc.tuple(fc.boolean(), fc.constantFrom('', '-', '_')).map(([upper, joint]) => {
    const joined = key.split(' ').join(joint);
    return upper ? joined.toUpperCase() : joined.replace(/^./, (first) => first.toUpperCase());
  });

const SECRET_KEYS = ['password', 'api key', 'client secret', 'totp', 'card number', 'set cookie', 'full name', 'iban'];

/** Its frames are given, since writing down the real ones takes long. */
const failure = (inner: unknown): Error => {
  const message = typeof inner === 'string' ? inner : 'failed';
  return Object.assign(new Error(message, { cause: inner }), { stack: `Error: ${message}\n    at work (file.js:1:1)` });
};

/** An object with one secret somewhere in it, and the secret. */
const withSecret: fc.Arbitrary<[object: unknown, secret: string]> = fc
  .oneof(
    fc
      .tuple(fc.constantFrom(...SECRET_KEYS).chain(spelled), word)
      .map(([key, secret]) => [{ [key]: secret }, secret] as const),
    fc
      .tuple(fc.oneof(...SECRET_VALUES), word)
      .map(([secret, around]) => [`${around} ${secret}, ${around}`, secret] as const),
  )
  .chain(([leaf, secret]) =>
    fc.array(fc.constantFrom('list', 'field', 'error', 'map'), { maxLength: 4 }).map((path): [unknown, string] => [
      path.reduce<unknown>((inner, kind) => {
        if (kind === 'list') return [1, inner];
        if (kind === 'map') return new Map([['entry', inner]]);
        if (kind === 'error') return { error: failure(inner) };
        return { before: true, inner, after: 'text' };
      }, leaf),
      secret,
    ]),
  );

describe('redaction', () => {
  it('L2: of 10,000 random objects leaks no secret, and leaves the rest', () => {
    fc.assert(
      fc.property(withSecret, ([object, secret]) => {
        const line = told({ kept: 'kept', object });
        expect(line).not.toContain(secret);
        expect(line).toMatch(/^\{"kept":"kept"/);
      }),
      { numRuns: 10_000 },
    );
  });

  const processorMs = (work: () => void): number => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };

  it.each([
    'a',
    'a@',
    '4444 ',
    'DE89 ',
    ': "',
    '://a',
    '\n',
    'eyJ',
    '::',
    'password : ',
    '?a=',
    'a_secret_',
    '1.2.3.4 ',
    '+1 ',
    '%40',
  ])('L3: a megabyte of %j is read once, not over and over', (piece) => {
    const text = piece.repeat(Math.ceil(1e6 / piece.length));
    const tries = Array.from({ length: 5 }, () => processorMs(() => filter.redactText(text)));
    // Ten milliseconds here; a pattern that goes back takes minutes.
    expect(Math.min(...tries)).toBeLessThan(500);
  });

  it('L3: an access line costs little', () => {
    const line = {
      method: 'GET',
      route: '/api/v1/users/:id',
      status: 200,
      duration_ms: 12,
      user_id: ID,
      tenant_id: ID,
      ip: '203.0.113.0/24',
    };
    const each = (): void => {
      for (let round = 0; round < 2_000; round++) filter.redact(line);
    };
    each();
    // Fifty microseconds are what it may cost; the test allows for a coverage run on a busy machine.
    expect(processorMs(each) / 2_000).toBeLessThan(0.5);
  });
});
