import { randomBytes } from 'node:crypto';
import { invalid, missing } from './refusals.js';

export const WEEK_S = 7 * 24 * 3_600;
export const now_s = (): number => Math.floor(Date.now() / 1_000);

let last = 0;
export const newId = (prefix: string): string => `${prefix}_3T${randomBytes(8).toString('hex')}${(last += 1)}`;

/** What lies at Stripe, and what comes after a payment. Objects have Stripe's fields that somebody here reads. */
export class StripeShelves {
  readonly intents: any[] = [];
  readonly charges: any[] = [];
  readonly methods: any[] = [];
  readonly refunds: any[] = [];
  readonly disputes: any[] = [];
  livemode = false;

  /** @param tell - hears of every event. */
  constructor(protected readonly tell: (type: string, object: any) => void) {}

  intent(id: string): any {
    const intent = this.intents.find((one) => one.id === id);
    if (!intent) throw missing('payment_intent', id, 'intent');
    return intent;
  }

  refund({ payment_intent, amount, reason, metadata }: any): any {
    const intent = this.intents.find((one) => one.id === payment_intent);
    if (!intent) throw missing('payment_intent', payment_intent, 'payment_intent', 400);
    const given = ['duplicate', 'fraudulent', 'requested_by_customer', undefined];
    if (!given.includes(reason)) throw invalid({ param: 'reason' });
    const refunded = this.refunds
      .filter((one) => one.payment_intent === intent.id && one.status !== 'failed')
      .reduce((sum, one) => sum + one.amount, 0);
    const left = intent.amount_received - refunded;
    const count = Number(amount ?? left);
    if (left === 0) throw invalid({ code: 'charge_already_refunded' });
    if (count > left) throw invalid({ message: `Refund amount is greater than unrefunded amount`, param: 'amount' });
    const method = this.methods.find((one) => one.id === intent.payment_method);
    const refund = {
      id: newId('re'),
      object: 'refund',
      amount: count,
      charge: intent.latest_charge,
      created: now_s(),
      currency: intent.currency,
      metadata: metadata ?? {},
      payment_intent: intent.id,
      reason: reason ?? null,
      status: method?.alias === 'pm_card_pendingRefund' ? 'pending' : 'succeeded',
    };
    this.refunds.unshift(refund);
    this.tell('refund.created', refund);
    return refund;
  }

  refundOf(id: string): any {
    const refund = this.refunds.find((one) => one.id === id);
    if (!refund) throw missing('refund', id, 'id');
    return refund;
  }

  /** The bank takes the money back. */
  dispute(intent_id: string): any {
    const intent = this.intent(intent_id);
    const dispute = {
      id: newId('du'),
      object: 'dispute',
      amount: intent.amount_received,
      balance_transactions: [] as object[],
      charge: intent.latest_charge,
      created: now_s(),
      currency: intent.currency,
      evidence_details: { due_by: now_s() + WEEK_S },
      livemode: this.livemode,
      metadata: {},
      payment_intent: intent.id,
      reason: 'fraudulent',
      status: 'needs_response',
    };
    this.disputes.unshift(dispute);
    this.tell('charge.dispute.created', dispute);
    return dispute;
  }

  disputeOf(id: string): any {
    const dispute = this.disputes.find((one) => one.id === id);
    if (!dispute) throw missing('dispute', id, 'dispute');
    return dispute;
  }
}
