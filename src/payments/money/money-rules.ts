import { ValidationError } from '../../common/service-error.js';
import {
  AmountNotRepresentableError,
  AmountTooLargeError,
  AmountTooSmallError,
  CurrencyUnsupportedError,
} from './money.errors.js';
import { limitsOf, maximum, toProvider } from './provider-amounts.js';

/**
 * Whether a provider can take this amount.
 * @param amount - in the minor unit of `currency`.
 * @throws {ValidationError} zero, negative or no integer.
 * @throws {CurrencyUnsupportedError} nobody pays in it.
 * @throws {AmountTooSmallError} less than the least.
 * @throws {AmountTooLargeError} more than twelve digits.
 * @throws {AmountNotRepresentableError} the provider does not count in units that small.
 */
export function assertPayable(provider: string, amount: number, currency: string): void {
  if (!Number.isSafeInteger(amount) || amount < 1) {
    throw new ValidationError([{ pointer: '#/amount', code: 'minimum', message: 'must be at least 1' }]);
  }
  const limits = limitsOf(provider, currency);
  if (!limits) throw new CurrencyUnsupportedError();
  if (amount > maximum) throw new AmountTooLargeError(`At most ${maximum}`);
  assertRepresentable(provider, amount, currency);
  if (amount < limits.minimum) throw new AmountTooSmallError(`At least ${limits.minimum} in ${currency}`);
}

/**
 * Whether a provider can express this amount.
 * @throws {AmountNotRepresentableError} it does not count in units that small.
 */
export function assertRepresentable(provider: string, amount: number, currency: string): void {
  if (toProvider(provider, amount, currency) !== null) return;
  throw new AmountNotRepresentableError(
    `Amounts in ${currency} are multiples of ${limitsOf(provider, currency)?.step ?? 1}`,
  );
}
