import type Stripe from 'stripe';
import { isId } from '../../common/fields.js';
import type { DisputeSnapshot } from '../gateways/dispute-snapshot.js';
import type { PaymentSnapshot } from '../gateways/payment.gateway.js';
import { REFUND_STATUSES, type RefundSnapshot } from '../gateways/refund-snapshot.js';
import { fromProvider } from '../money/provider-amounts.js';
import { PAYMENT_STATUSES } from '../payment-states.js';
import type { LastError, NextAction, PaymentMethod } from '../payment.entity.js';

/** What is asked for beside the intent itself: what is shown of the method, and until when an authorisation holds. */
export const EXPANDED = ['latest_charge', 'payment_method'];

/** Stripe's words for what goes wrong with a payment, where ours are others. */
const ERRORS: Readonly<Record<string, string>> = { payment_intent_authentication_failure: 'authentication_failed' };
const CLOSED = ['won', 'lost', 'warning_closed', 'prevented'];

type Expandable = string | { readonly id: string } | null | undefined;

/** Stripe's intent as the port has it. Its lists are open: a status that is not known here is null. */
export function paymentOf(intent: Stripe.PaymentIntent): PaymentSnapshot {
  const currency = intent.currency.toUpperCase();
  return {
    provider_payment_id: intent.id,
    payment_id: ourId(intent.metadata, 'payment_id'),
    livemode: intent.livemode,
    amount: fromProvider('stripe', intent.amount, currency),
    currency,
    status: known(PAYMENT_STATUSES, intent.status),
    amount_captured: fromProvider('stripe', intent.amount_received, currency),
    attempt_id: attemptOf(intent),
    payment_method: methodOf(failed(intent)?.payment_method ?? intent.payment_method),
    last_error: errorOf(intent),
    next_action: actionOf(intent),
    capture_before: intent.status === 'requires_capture' ? holdEnd(intent.latest_charge) : null,
    cancellation_reason: intent.cancellation_reason,
  };
}

/** @returns null for what was not paid by an intent: none of ours. */
export function refundOf(refund: Stripe.Refund, livemode: boolean): RefundSnapshot | null {
  const provider_payment_id = idOf(refund.payment_intent);
  if (!provider_payment_id) return null;
  const currency = refund.currency.toUpperCase();
  return {
    provider_refund_id: refund.id,
    refund_id: ourId(refund.metadata, 'refund_id'),
    provider_payment_id,
    livemode,
    amount: fromProvider('stripe', refund.amount, currency),
    currency,
    status: known(REFUND_STATUSES, refund.status),
    reason: refund.reason,
    failure_code: refund.failure_reason ?? null,
  };
}

/** @returns null for what was not paid by an intent: none of ours. */
export function disputeOf(dispute: Stripe.Dispute): DisputeSnapshot | null {
  const provider_payment_id = idOf(dispute.payment_intent);
  if (!provider_payment_id) return null;
  const currency = dispute.currency.toUpperCase();
  const { due_by } = dispute.evidence_details;
  return {
    provider_dispute_id: dispute.id,
    provider_payment_id,
    livemode: dispute.livemode,
    amount: fromProvider('stripe', dispute.amount, currency),
    currency,
    status: dispute.status,
    closed: CLOSED.includes(dispute.status),
    lost: dispute.status === 'lost',
    funds: fundsOf(dispute),
    reason: dispute.reason,
    evidence_due_at: due_by ? new Date(due_by * 1_000) : null,
  };
}

/** An id that we gave along; whoever has the dashboard can write there too. */
export function ourId(metadata: Stripe.Metadata | null | undefined, name: string): string | null {
  const id = metadata?.[name];
  return id !== undefined && isId(id) ? id : null;
}

const known = <T extends string>(words: readonly T[], word: string | null): T | null =>
  words.find((one) => one === word) ?? null;

const idOf = (object: Expandable): string | null => (typeof object === 'string' ? object : (object?.id ?? null));

/** Why the last try failed, while none has followed. */
const failed = ({ status, last_payment_error }: Stripe.PaymentIntent): Stripe.PaymentIntent.LastPaymentError | null =>
  status === 'requires_payment_method' ? last_payment_error : null;

/**
 * Stripe does not number the tries of an intent, and makes a charge only once the payer is authenticated. What stays the
 * same from a try's beginning to its end is its payment method, which without a customer is good for one.
 */
function attemptOf(intent: Stripe.PaymentIntent): string | null {
  if (intent.status === 'requires_confirmation') return null;
  const failure = failed(intent);
  if (intent.status === 'requires_payment_method' && !failure) return null;
  const method = idOf(failure?.payment_method ?? intent.payment_method);
  return method ?? failure?.charge ?? idOf(intent.latest_charge) ?? (failure ? intent.id : null);
}

/** What may be shown of it. Each type has its details under its own name. */
function methodOf(method: string | Stripe.PaymentMethod | null): PaymentMethod | null {
  if (method === null) return null;
  if (typeof method === 'string') return { id: method, type: 'unknown', brand: null, last4: null };
  const { id, type } = method;
  const details = detailsOf(method, type);
  return { id, type, brand: textOf(details['brand']), last4: textOf(details['last4']) };
}

function errorOf(intent: Stripe.PaymentIntent): LastError | null {
  const failure = failed(intent);
  if (!failure) return null;
  const code = failure.code ?? 'card_declined';
  return { code: ERRORS[code] ?? code, decline_code: failure.decline_code ?? null, message: failure.message ?? null };
}

/** Of all that a payer may have to do, a page to go to is what a client without Stripe's script can show. */
function actionOf({ status, next_action }: Stripe.PaymentIntent): NextAction | null {
  const url = status === 'requires_action' ? next_action?.redirect_to_url?.url : null;
  return url ? { type: 'redirect', url } : null;
}

function holdEnd(charge: string | Stripe.Charge | null): Date | null {
  if (charge === null || typeof charge === 'string') return null;
  const { payment_method_details: details } = charge;
  const until = details ? detailsOf(details, details.type)['capture_before'] : null;
  return typeof until === 'number' ? new Date(until * 1_000) : null;
}

/** The last movement between Stripe and us that the dispute has caused tells who has the money. */
function fundsOf({ balance_transactions }: Stripe.Dispute): DisputeSnapshot['funds'] {
  const last = balance_transactions.toSorted((a, b) => a.created - b.created).at(-1);
  if (!last) return 'held';
  return last.amount > 0 ? 'reinstated' : 'withdrawn';
}

const detailsOf = (object: object, type: string): Record<string, unknown> =>
  ((object as Record<string, unknown>)[type] ?? {}) as Record<string, unknown>;

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
