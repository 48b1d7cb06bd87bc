import type { DisputeSnapshot } from '../gateways/dispute-snapshot.js';
import type { PaymentSnapshot } from '../gateways/payment.gateway.js';
import type { RefundSnapshot } from '../gateways/refund-snapshot.js';
import { fromProvider } from '../money/provider-amounts.js';
import type { BankDispute } from './bank-disputes.repository.js';
import type { BankRefund } from './bank-refunds.repository.js';
import type { Charge } from './bank.repository.js';
import { findMethod } from './payment-methods.js';

/** The bank's answer as the port has it; with the lies that a magic method tells. */
export function snapshotOf(charge: Charge, page: string): PaymentSnapshot {
  const { id, payment_id, status, tries, error_code, decline_code, capture_before } = charge;
  const lie = findMethod(charge.payment_method)?.lie ?? null;
  const currency = charge.currency.toUpperCase();
  const amount = fromProvider('simulator', charge.amount, currency);
  const received = fromProvider('simulator', charge.amount_received, currency);
  return {
    provider_payment_id: id,
    payment_id,
    livemode: false,
    amount: lie === 'amount' && amount !== null ? amount + 1 : amount,
    currency: lie === 'currency' ? (currency === 'USD' ? 'EUR' : 'USD') : currency,
    status: lie === 'status' ? null : status,
    amount_captured: received,
    attempt_id: tries > 0 ? `${id}_try_${tries}` : null,
    payment_method: charge.payment_method
      ? { id: charge.payment_method, type: 'card', brand: 'visa', last4: '4242' }
      : null,
    last_error: error_code ? { code: error_code, decline_code, message: null } : null,
    next_action: status === 'requires_action' ? { type: 'redirect', url: page } : null,
    capture_before,
    cancellation_reason: charge.cancellation_reason,
  };
}

export function refundSnapshotOf(refund: BankRefund): RefundSnapshot {
  const { id: provider_refund_id, charge_id, refund_id, status, reason, failure_code } = refund;
  const currency = refund.currency.toUpperCase();
  return {
    provider_refund_id,
    refund_id,
    status,
    reason,
    failure_code,
    currency,
    provider_payment_id: charge_id,
    livemode: false,
    amount: fromProvider('simulator', refund.amount, currency),
  };
}

const CLOSED = ['won', 'lost', 'warning_closed'];

export function disputeSnapshotOf(dispute: BankDispute): DisputeSnapshot {
  const { id: provider_dispute_id, charge_id, funds, evidence_due_at } = dispute;
  const currency = dispute.currency.toUpperCase();
  const status = dispute.status ?? '';
  return {
    provider_dispute_id,
    status,
    funds,
    evidence_due_at,
    currency,
    reason: dispute.reason ?? 'general',
    provider_payment_id: charge_id,
    livemode: false,
    amount: fromProvider('simulator', dispute.amount, currency),
    closed: CLOSED.includes(status),
    lost: status === 'lost',
  };
}
