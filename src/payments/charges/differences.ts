import type { PaymentSnapshot } from '../gateways/payment.gateway.js';
import { TRANSITIONS } from '../payment-states.js';
import type { Payment } from '../payment.entity.js';

/** What the provider's object and our payment do not agree about. */
export interface Difference {
  readonly kind: 'missing_provider' | 'amount_mismatch' | 'currency_mismatch' | 'status_mismatch' | 'stuck';
  readonly expected: Readonly<Record<string, string | number | null>>;
  readonly seen: Readonly<Record<string, string | number | null>> | null;
}

/** Whether nothing at all is to be done about it. */
export const isAlike = (payment: Payment, snapshot: PaymentSnapshot): boolean =>
  !payment.needs_review && payment.status === snapshot.status && differencesOf(payment, snapshot).length === 0;

/** Whether it is what we have, or can become so: what is taken of a payment is something, and not more than its amount. */
const isCapturedAlike = ({ status, amount, amount_captured }: Payment, captured: number | null): boolean =>
  status === 'succeeded' ? captured === amount_captured : captured !== null && captured > 0 && captured <= amount;

/**
 * What is left to be said once our payment has followed the provider. That one of the two is ahead is no difference: it
 * is what the state machine would not follow.
 */
export function differencesOf(payment: Payment, snapshot: PaymentSnapshot): Difference[] {
  const { id: payment_id, livemode, currency, amount, status, amount_captured } = payment;
  if (snapshot.payment_id !== payment_id || snapshot.livemode !== livemode) {
    const expected = { payment_id, livemode: String(livemode) };
    const seen = { payment_id: snapshot.payment_id, livemode: String(snapshot.livemode) };
    return [{ kind: 'missing_provider', expected, seen }];
  }
  const found: Difference[] = [];
  if (snapshot.currency !== currency) {
    found.push({ kind: 'currency_mismatch', expected: { currency }, seen: { currency: snapshot.currency } });
  } else if (snapshot.amount !== amount) {
    found.push({ kind: 'amount_mismatch', expected: { amount }, seen: { amount: snapshot.amount } });
  } else if (snapshot.status === 'succeeded' && !isCapturedAlike(payment, snapshot.amount_captured)) {
    const seen = { amount_captured: snapshot.amount_captured };
    found.push({ kind: 'amount_mismatch', expected: { amount_captured }, seen });
  }
  if (snapshot.status === null || TRANSITIONS[status][snapshot.status] === 'conflict') {
    found.push({ kind: 'status_mismatch', expected: { status }, seen: { status: snapshot.status } });
  }
  const { review_reason } = payment;
  if (status === 'processing' && review_reason === 'stuck') {
    found.push({ kind: 'stuck', expected: { status }, seen: { status: snapshot.status } });
  }
  return found;
}
