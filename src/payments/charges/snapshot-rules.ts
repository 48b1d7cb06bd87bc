import type { PaymentSnapshot } from '../gateways/payment.gateway.js';
import { isSettled } from '../payment-states.js';
import type { LastError, Payment } from '../payment.entity.js';
import type { PaymentAttempt } from './attempt.entity.js';
import { patience } from '../recovery/patience.js';

/** What cannot be true of this payment, in one word; null where nothing is wrong. */
export function contradiction(payment: Payment, snapshot: PaymentSnapshot): string | null {
  const { status, amount_captured } = snapshot;
  const named = payment.provider_payment_id;
  if (named !== null && named !== snapshot.provider_payment_id) return 'provider_id_mismatch';
  if (snapshot.payment_id !== payment.id) return 'payment_id_mismatch';
  if (snapshot.livemode !== payment.livemode) return 'livemode_mismatch';
  if (snapshot.currency !== payment.currency) return 'currency_mismatch';
  if (snapshot.amount !== payment.amount) return 'amount_mismatch';
  if (status === null) return 'unknown_status';
  const paid = amount_captured !== null && amount_captured > 0 && amount_captured <= payment.amount;
  return status === 'succeeded' && !paid ? 'captured_amount_mismatch' : null;
}

/** Canceled here before the provider had it, and made there after all: whoever got hold of it could pay it. */
export const isLeftOpen = (payment: Payment, snapshot: PaymentSnapshot): boolean =>
  payment.status === 'canceled' &&
  contradiction(payment, snapshot) === null &&
  ['requires_confirmation', 'requires_payment_method', 'requires_action'].includes(snapshot.status!);

/** Which try a snapshot tells of. */
export interface News {
  /** It tells of a try that is over, or of none at all. */
  readonly stale: boolean;
  readonly attempt: PaymentAttempt | null;
  /** The number of a try that was not begun by us: a browser's. */
  readonly next_seq: number | null;
  /** A try of ours that the provider has already left behind. */
  readonly overtaken: PaymentAttempt | null;
  /** A try that is over and had the same name, which passes on to the newer one. */
  readonly former: PaymentAttempt | null;
}

/**
 * @param attempts - in the order in which they were made.
 * @param seq - of the try whose confirmation this answers; that is known where a payment method was tried twice, too.
 */
export function newsOf(
  attempts: readonly PaymentAttempt[],
  { status, attempt_id }: PaymentSnapshot,
  seq?: number,
): News {
  const open = attempts.find(({ finished_at }) => !finished_at) ?? null;
  const answered = open && open.seq === seq ? open : null;
  const namesake = attempts.find(
    ({ provider_attempt_id }) => attempt_id !== null && provider_attempt_id === attempt_id,
  );
  // A method that is tried again: what it has done since, unless it is the old refusal, it does for the new try.
  const again = namesake?.finished_at && open?.provider_attempt_id === null && open.payment_method === attempt_id;
  const renewed = again && status !== 'requires_payment_method' ? open : null;
  const named = answered ?? renewed ?? namesake;
  const nothing = { attempt: null, next_seq: null, overtaken: null, former: null };
  const ends = status !== null && (isSettled(status) || status === 'requires_capture');
  if (attempt_id === null) return { ...nothing, stale: !ends, attempt: open };
  // An end counts, whichever try has brought it; what comes before an end does so of the last try alone.
  const over = named?.finished_at !== null;
  const former = (named !== namesake && namesake) || null;
  if (named) return { ...nothing, stale: over && !ends, attempt: named, overtaken: over ? open : null, former };
  if (open && open.provider_attempt_id === null) return { ...nothing, stale: false, attempt: open };
  return { ...nothing, stale: false, next_seq: attempts.length + 1, overtaken: open };
}

/** What becomes of a payment's fields when it follows the provider. */
export function followSnapshot(payment: Payment, snapshot: PaymentSnapshot, step_ms: number): Partial<Payment> {
  const status = snapshot.status!;
  const now = new Date();
  const waits = status === 'processing' || status === 'requires_action' || status === 'requires_capture';
  return {
    status,
    payment_method: snapshot.payment_method ?? payment.payment_method,
    last_error: status === 'requires_payment_method' ? snapshot.last_error : null,
    next_action: status === 'requires_action' ? snapshot.next_action : null,
    next_reconcile_at: waits ? new Date(now.getTime() + patience(0, step_ms)) : null,
    reconcile_attempts: 0,
    ...(status === 'requires_capture' && {
      amount_authorized: payment.amount,
      authorized_at: now,
      capture_before: snapshot.capture_before,
    }),
    ...(status === 'succeeded' && {
      amount_authorized: payment.amount,
      amount_captured: snapshot.amount_captured!,
      authorized_at: payment.authorized_at ?? now,
      captured_at: now,
      capture_before: null,
    }),
    ...(status === 'canceled' && { canceled_at: now, cancellation_reason: snapshot.cancellation_reason }),
  };
}

/** What becomes of a payment whose method the provider would not even try. */
export const refused = (error: LastError): Partial<Payment> => ({
  status: 'requires_payment_method',
  last_error: error,
  next_action: null,
  next_reconcile_at: null,
  reconcile_attempts: 0,
});
