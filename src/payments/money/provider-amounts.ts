import { CURRENCIES } from './currencies.js';
import { dividedBy, MAX_AMOUNT } from './minor-units.js';

/** How a provider's amounts differ from ISO 4217's minor units. */
interface Exception {
  /** The provider counts in units so many times smaller. */
  readonly times?: number;
  /** The provider counts in units so many times larger; what does not go into them cannot be paid. */
  readonly over?: number;
  /** Only multiples of this can be paid. */
  readonly step?: number;
}

/** @see https://docs.stripe.com/currencies#special-cases; MGA has no minor unit there. */
const STRIPE: Readonly<Record<string, Exception>> = {
  ISK: { times: 100 },
  UGX: { times: 100 },
  MGA: { over: 100 },
  BHD: { step: 10 },
  JOD: { step: 10 },
  KWD: { step: 10 },
  OMR: { step: 10 },
  TND: { step: 10 },
};

/** The least that can be paid, in ISO 4217's minor units, where that is known. @see https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts */
const MINIMUMS: Readonly<Record<string, number>> = {
  AED: 200,
  AUD: 50,
  BGN: 100,
  BRL: 50,
  CAD: 50,
  CHF: 50,
  CZK: 1_500,
  DKK: 250,
  EUR: 50,
  GBP: 30,
  HKD: 400,
  HUF: 17_500,
  INR: 50,
  JPY: 50,
  MXN: 1_000,
  MYR: 200,
  NOK: 300,
  NZD: 50,
  PLN: 200,
  RON: 200,
  SEK: 300,
  SGD: 50,
  THB: 1_000,
  USD: 50,
};

/** The simulator counts as Stripe does: what worked with the one works with the other. */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, Exception>>>> = { stripe: STRIPE, simulator: STRIPE };

const exceptionOf = (provider: string, currency: string): Exception => EXCEPTIONS[provider]?.[currency] ?? {};

/** What a provider takes of a currency. */
export interface CurrencyLimits {
  readonly code: string;
  readonly exponent: number;
  /** The least, in the minor unit. */
  readonly minimum: number;
  /** Amounts are multiples of this. */
  readonly step: number;
}

export const maximum = MAX_AMOUNT;

/** @returns null where nobody pays in it. */
export function limitsOf(provider: string, code: string): CurrencyLimits | null {
  const currency = CURRENCIES.get(code);
  if (!currency) return null;
  const { step, over } = exceptionOf(provider, code);
  const smallest = step ?? over ?? 1;
  return { ...currency, minimum: MINIMUMS[code] ?? smallest, step: smallest };
}

/**
 * The amount as the provider counts it.
 * @param amount - in ISO 4217's minor unit.
 * @returns null where the provider cannot express it: it is never rounded.
 */
export function toProvider(provider: string, amount: number, currency: string): number | null {
  const { times = 1, over = 1, step = 1 } = exceptionOf(provider, currency);
  if (amount % step !== 0) return null;
  const divided = dividedBy(amount, over);
  return divided === null ? null : divided * times;
}

/**
 * The provider's amount in ISO 4217's minor unit.
 * @returns null where it is none of our amounts: somebody else made it.
 */
export function fromProvider(provider: string, amount: number, currency: string): number | null {
  const { times = 1, over = 1 } = exceptionOf(provider, currency);
  const divided = dividedBy(amount, times);
  return divided === null ? null : divided * over;
}
