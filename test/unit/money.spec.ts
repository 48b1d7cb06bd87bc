import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertNoCardData } from '../../src/payments/charges/card-data.js';
import { CURRENCIES, formatMoney } from '../../src/payments/money/currencies.js';
import { dividedBy, exact, MAX_AMOUNT } from '../../src/payments/money/minor-units.js';
import { assertPayable } from '../../src/payments/money/money-rules.js';
import { fromProvider, limitsOf, toProvider } from '../../src/payments/money/provider-amounts.js';

const GOLDEN = join(import.meta.dirname, '../support/money.golden.txt');

/** An amount that can be paid in every currency. */
const SOME = 1_234_500;

/** What each currency's smallest, least, some and largest amount is, here and at the provider; a dash: it cannot be paid. */
const moneyTable = (provider: string): string =>
  [...CURRENCIES.values()]
    .map(({ code, exponent }) => {
      const { minimum, step } = limitsOf(provider, code)!;
      const all = new Set([1, minimum, SOME, MAX_AMOUNT - (MAX_AMOUNT % step), MAX_AMOUNT]);
      const amounts = [...all].map((amount) => `${amount}=${toProvider(provider, amount, code) ?? '-'}`);
      return `${code} exponent ${exponent} step ${step}: ${amounts.join(' ')}\n`;
    })
    .join('');

describe('F14: every currency', () => {
  it.each(['simulator', 'stripe'])('is as the golden file has it, at the %s', (provider) => {
    expect(moneyTable(provider)).toBe(readFileSync(GOLDEN, 'utf8'));
  });

  it('comes back from the provider as it went', () => {
    const trips = [...CURRENCIES.keys()].flatMap((code) =>
      [1, 10, 100, 12_300, MAX_AMOUNT]
        .map((amount) => ({ code, amount, theirs: toProvider('stripe', amount, code) }))
        .filter(({ theirs }) => theirs !== null),
    );

    expect(trips.length).toBeGreaterThan(400);
    expect(trips.map(({ code, theirs }) => fromProvider('stripe', theirs!, code))).toEqual(
      trips.map(({ amount }) => amount),
    );
  });

  it.each([
    ['ISK', 5, 500],
    ['UGX', 5, 500],
    ['KWD', 5_124, null],
    ['KWD', 5_120, 5_120],
    ['HUF', 17_500, 17_500],
    ['MGA', 500, 5],
    ['MGA', 501, null],
    ['JPY', 500, 500],
    ['XAF', 500, 500],
    ['USD', 50, 50],
  ])('%s %d is %d at the provider', (code, amount, theirs) => {
    for (const provider of ['simulator', 'stripe']) expect(toProvider(provider, amount, code)).toBe(theirs);
  });

  it('has the exponent of ISO 4217, whatever Intl says', () => {
    const exponents = Object.fromEntries([...CURRENCIES.values()].map(({ code, exponent }) => [code, exponent]));
    expect(exponents).toMatchObject({ HUF: 2, IDR: 2, COP: 2, PKR: 2, IQD: 3, ALL: 2, MGA: 2, MRU: 2, JPY: 0, BHD: 3 });
    expect(exponents).not.toHaveProperty('CLF');
    expect(exponents).not.toHaveProperty('XXX');
  });
});

describe('amounts', () => {
  it.each([
    [0, 'USD', 'The request has invalid fields'],
    [-1, 'USD', 'The request has invalid fields'],
    [1.5, 'USD', 'The request has invalid fields'],
    [49, 'USD', 'At least 50 in USD'],
    [MAX_AMOUNT + 1, 'USD', 'At most 999999999999'],
    [100, 'XXX', 'Payments in this currency are not taken'],
    [5_124, 'KWD', 'Amounts in KWD are multiples of 10'],
  ])('%d %s is refused', (amount, currency, message) => {
    expect(() => assertPayable('simulator', amount, currency)).toThrow(message);
  });

  it('are never rounded', () => {
    expect(dividedBy(99, 100)).toBeNull();
    expect(dividedBy(999_999_999_900, 100)).toBe(9_999_999_999);
    expect(() => exact('9007199254740993')).toThrow(RangeError);
  });

  it.each([
    [9_999, 'USD', '99.99 USD'],
    [5, 'EUR', '0.05 EUR'],
    [500, 'JPY', '500 JPY'],
    [1_234, 'KWD', '1.234 KWD'],
  ])('%d %s reads %s', (amount, code, text) => {
    expect(formatMoney(amount, code)).toBe(text);
  });
});

describe('card numbers', () => {
  it.each(['4242424242424242', 'pay 4242 4242 4242 4242 now', '3782-822463-10005', '6011111111111117'])(
    'are seen wherever they stand: %s',
    (text) => {
      expect(() => assertNoCardData({ metadata: { note: text } })).toThrow('Card numbers are never taken');
      expect(() => assertNoCardData({ metadata: { [text]: 'x' } })).toThrow('Card numbers are never taken');
    },
  );

  it.each([
    '4242424242424241',
    '123456789012',
    '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c',
    'b6098734-751f-4f7d-9894-031183144661',
    'order 22614685-4689-4758-AF7E-2C24C7AE9A72, 02824889-9429-4474-b8b3-09479a45b3db',
    'order-20260131120000',
  ])('are told from other numbers: %s', (text) => {
    expect(() => assertNoCardData({ reference: text })).not.toThrow();
  });
});
