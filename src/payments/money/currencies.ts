import * as iso4217 from 'dinero.js/currencies';

/** A currency that people pay in. */
export interface Currency {
  /** ISO 4217, in upper case. */
  readonly code: string;
  /** How many decimal places the minor unit stands for. */
  readonly exponent: number;
}

/** Units of account, funds and the like, which nobody has in a purse. */
const NO_MONEY = new Set('BOV CHE CHW CLF COU MXV USN UYI UYW XAD'.split(' '));

/** Where the library counts in fifths, ISO 4217 has two decimals. */
const EXPONENTS: Readonly<Record<string, number>> = { MGA: 2, MRU: 2 };

/** Every currency, by code. Intl's digits are for display and differ from ISO 4217 for some: they decide nothing here. */
export const CURRENCIES: ReadonlyMap<string, Currency> = new Map(
  Object.values(iso4217)
    .map(({ code, exponent }): Currency => ({ code, exponent: EXPONENTS[code] ?? exponent }))
    .filter(({ code }) => !NO_MONEY.has(code))
    .toSorted((one, other) => (one.code < other.code ? -1 : 1))
    .map((currency) => [currency.code, currency]),
);

/**
 * An amount as people read it: `99.99 USD`, `500 JPY`. Digits are moved, nothing is calculated.
 * @param amount - in the minor unit.
 */
export function formatMoney(amount: number, code: string): string {
  const exponent = CURRENCIES.get(code)?.exponent ?? 0;
  const digits = String(amount).padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  return `${whole}${exponent > 0 ? `.${digits.slice(-exponent)}` : ''} ${code}`;
}
