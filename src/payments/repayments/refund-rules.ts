import type { RefundSnapshot, RefundStatus } from '../gateways/refund-snapshot.js';
import type { Payment } from '../payment.entity.js';
import { patience } from '../recovery/patience.js';
import type { Refund } from '../refunds/refund.entity.js';
import { isOpen, STANDINGS, type Standing } from './refund-states.js';

/** What of a payment can still go back, in the minor unit. */
export const refundable = ({ amount_captured, amount_refunded, amount_refund_pending }: Payment): number =>
  amount_captured - amount_refunded - amount_refund_pending;

const SUMS = { pending: 'amount_refund_pending', refunded: 'amount_refunded' } as const;

/** Moves an amount from one of the payment's sums to another. */
export function move(payment: Payment, amount: number, from: Standing, to: Standing): void {
  if (from !== 'nowhere') payment[SUMS[from]] -= amount;
  if (to !== 'nowhere') payment[SUMS[to]] += amount;
}

/** What makes a refund unlike any that this payment can have, in one word; null where nothing does. */
export function unreadable(payment: Payment, snapshot: RefundSnapshot): string | null {
  if (snapshot.provider_payment_id !== payment.provider_payment_id) return 'provider_payment_mismatch';
  if (snapshot.livemode !== payment.livemode) return 'livemode_mismatch';
  if (snapshot.currency !== payment.currency) return 'currency_mismatch';
  if (snapshot.amount === null || snapshot.amount < 1) return 'amount_mismatch';
  return snapshot.status === null ? 'unknown_status' : null;
}

/** What cannot be true of this refund, in one word; null where nothing is wrong. */
export function contradiction(payment: Payment, refund: Refund, snapshot: RefundSnapshot): string | null {
  const named = refund.provider_refund_id;
  if (named !== null && named !== snapshot.provider_refund_id) return 'provider_id_mismatch';
  return unreadable(payment, snapshot) ?? (snapshot.amount === refund.amount ? null : 'amount_mismatch');
}

/** What becomes of a refund's fields when it has this status. */
export function standingAs(
  status: RefundStatus,
  failure_code: string | null,
  step_ms: number,
): Pick<Refund, 'status' | 'failure_code' | 'next_reconcile_at' | 'reconcile_attempts'> {
  return {
    status,
    failure_code: STANDINGS[status] === 'nowhere' ? failure_code : null,
    next_reconcile_at: isOpen(status) ? new Date(Date.now() + patience(0, step_ms)) : null,
    reconcile_attempts: 0,
  };
}
