import type { ServiceError } from '../../common/service-error.js';
import type { Payment } from '../payment.entity.js';
import type { Refund } from '../refunds/refund.entity.js';
import { DisputeOpenError, RefundExceedsCapturedError } from '../refunds/refunds.errors.js';
import { refundable } from './refund-rules.js';

/** The provider's words for what it may be that it refuses. */
const EXCEEDED = ['charge_already_refunded', 'refund_exceeds_charge', 'amount_too_large'];
const DISPUTED = ['charge_disputed', 'refund_disputed_payment'];

/**
 * What a client is told of a refund of its own that the provider would not even begin; null where it is to be told of the
 * refund: it stands, or has failed for another reason.
 * @param payment - as it is now, with whatever was found at the provider.
 */
export function refusalOf(payment: Payment, refund: Refund): ServiceError | null {
  const { failure_code, status, provider_refund_id, amount } = refund;
  if (status !== 'failed' || provider_refund_id !== null || failure_code === null) return null;
  if (DISPUTED.includes(failure_code)) return new DisputeOpenError(payment.id);
  const max_refundable = refundable(payment);
  if (!EXCEEDED.includes(failure_code) && amount <= max_refundable) return null;
  return new RefundExceedsCapturedError(undefined, undefined, { payment_id: payment.id, max_refundable });
}
