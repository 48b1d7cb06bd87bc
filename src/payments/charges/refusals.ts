import { ValidationError, type ServiceError } from '../../common/service-error.js';
import type { ProviderOperation } from '../gateways/provider-operation.entity.js';
import { AmountTooLargeError, AmountTooSmallError, CurrencyUnsupportedError } from '../money/money.errors.js';
import type { Payment } from '../payment.entity.js';
import { declineOf, PaymentStateConflictError } from '../payments.errors.js';

/** The provider's words for what is wrong with an order, in ours. */
const REFUSALS: Readonly<Record<string, () => ServiceError>> = {
  amount_too_small: () => new AmountTooSmallError(),
  amount_too_large: () => new AmountTooLargeError(),
  currency_unsupported: () => new CurrencyUnsupportedError(),
  payment_method_unknown: () => {
    const message = 'is no payment method that the provider knows';
    return new ValidationError([{ pointer: '#/payment_method', code: 'unknown', message }]);
  },
};

/**
 * What a client is told of a request that the provider has refused: by the journal, so that it is the same in the first
 * answer, in a repeat's after a crash, and in the one that is given where nobody came back.
 * @returns null where it was not refused.
 */
export function refusedAs(
  asked: Pick<ProviderOperation, 'operation' | 'state' | 'error_code'> | null,
  { id: payment_id, status }: Payment,
): ServiceError | null {
  if (asked?.state !== 'rejected') return null;
  const { operation, error_code } = asked;
  if (operation === 'capture' || operation === 'cancel') return new PaymentStateConflictError(payment_id, status);
  const code = error_code ?? '';
  const refusal = REFUSALS[code]?.();
  if (refusal) return refusal;
  if (operation === 'create') return new PaymentStateConflictError(payment_id, 'canceled');
  return new (declineOf(code))(undefined, { payment_id, decline_code: null });
}
