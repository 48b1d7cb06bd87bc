import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { PaymentGateway } from '../gateways/payment.gateway.js';
import type { RefundSnapshot } from '../gateways/refund-snapshot.js';
import type { Payment } from '../payment.entity.js';
import { PaymentsRepository } from '../payments.repository.js';
import { Discrepancies } from '../reconciliation/discrepancies.js';
import { provenance } from '../reconciliation/reconciliation-items.repository.js';
import { REVIEW_KINDS } from '../reconciliation/review-kinds.js';
import type { Refund } from '../refunds/refund.entity.js';
import { RefundsRepository } from '../refunds/refunds.repository.js';
import { contradiction } from '../repayments/refund-rules.js';
import { MADE_TWICE, RefundSnapshots, RefundTooEarlyError } from '../repayments/refund-snapshots.js';
import { isOpen, REFUND_TRANSITIONS, STANDINGS } from '../repayments/refund-states.js';
import { findingsOf, nobodys, objectOf, orNull, type Examination } from './repayment-examination.js';

/** Looks at one refund together with the provider. */
@Injectable()
export class RefundExamination implements Examination<'refund'> {
  readonly object_type = 'refund';

  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly refunds: RefundsRepository,
    private readonly gateway: PaymentGateway,
    private readonly snapshots: RefundSnapshots,
    private readonly discrepancies: Discrepancies,
  ) {}

  theirs(since: Date, signal: AbortSignal): AsyncIterable<RefundSnapshot> {
    return this.gateway.refunds(since, signal);
  }

  listOf(provider_payment_id: string, signal: AbortSignal): Promise<RefundSnapshot[]> {
    return this.gateway.listRefunds(provider_payment_id, signal);
  }

  nameOf({ provider_refund_id }: Refund | RefundSnapshot): string | null {
    return provider_refund_id;
  }

  isAlike(refund: Refund, { status, amount, currency }: RefundSnapshot): boolean {
    const { needs_review } = refund;
    return !needs_review && refund.status === status && refund.amount === amount && refund.currency === currency;
  }

  async examine(name: string, signal: AbortSignal): Promise<boolean> {
    const { provider } = this.gateway.config;
    // Read before the provider is asked: whatever moves meanwhile makes the answer older news.
    const known = await this.database.asSystem(() => this.refunds.findByProvider(provider, name));
    const snapshot = await orNull(this.gateway.fetchRefund(name, signal));
    if (!snapshot) return this.gone(name, known);
    const payment = await this.database.asSystem(() =>
      known
        ? this.payments.find(known.payment_id)
        : this.payments.findByProvider(provider, snapshot.provider_payment_id),
    );
    if (!payment) return this.unknown(snapshot);
    return this.database.asTenant(payment.tenant_id, async () => {
      const refund = await this.follow(payment, snapshot, known?.version ?? null);
      if (refund) await this.settle(payment, refund, snapshot, known?.version ?? refund.version);
      return refund !== null;
    });
  }

  /** @returns null where its turn has not come, or the payment was set aside over it. */
  private async follow(
    payment: Payment,
    snapshot: RefundSnapshot,
    seen_version: number | null,
  ): Promise<Refund | null> {
    try {
      return await this.snapshots.applyRefund(payment.id, snapshot, { actor: 'reconciler', seen_version });
    } catch (error) {
      if (error instanceof RefundTooEarlyError) return null;
      throw error;
    }
  }

  private async settle(
    payment: Payment,
    refund: Refund,
    snapshot: RefundSnapshot,
    seen_version: number,
  ): Promise<void> {
    await this.discrepancies.settle(nobodys('refund', snapshot.provider_refund_id), ['missing_local'], []);
    // It agrees with its provider, and ought not to be there at all.
    if (refund.review_reason === MADE_TWICE) return;
    const findings = findingsOf(faultOf(payment, refund, snapshot), refund, snapshot);
    // It has moved on while the provider was asked: nothing can be said.
    if (findings.length > 0 && refund.version !== seen_version) return;
    // That first, since what is set aside is told of as long as it is.
    if (findings.length === 0 && refund.needs_review) await this.snapshots.agree(refund);
    await this.discrepancies.settle(objectOf('refund', refund, snapshot.provider_refund_id), REVIEW_KINDS, findings);
  }

  /** The provider does not have it, or no more. */
  private async gone(name: string, known: Refund | null): Promise<true> {
    await this.discrepancies.settle(nobodys('refund', name), ['missing_local'], []);
    if (!known) return true;
    const fault = 'missing_at_provider';
    await this.database.asTenant(known.tenant_id, () => this.snapshots.setAside(known, fault));
    await this.discrepancies.settle(objectOf('refund', known, name), REVIEW_KINDS, findingsOf(fault, known, null));
    return true;
  }

  /** Of no payment of ours. Without our name on it somebody else has made it, who uses the same account. */
  private async unknown({ provider_refund_id, refund_id, status, amount, currency }: RefundSnapshot): Promise<true> {
    const isOurs = refund_id !== null && (status === null || STANDINGS[status] !== 'nowhere');
    const seen = { ...provenance(this.gateway.config), status, amount, currency };
    const findings = [{ kind: 'missing_local', expected: null, seen } as const];
    await this.discrepancies.settle(nobodys('refund', provider_refund_id), ['missing_local'], isOurs ? findings : []);
    return true;
  }
}

function faultOf(payment: Payment, refund: Refund, snapshot: RefundSnapshot): string | null {
  const fault = contradiction(payment, refund, snapshot);
  if (fault) return fault;
  const { status } = snapshot;
  if (REFUND_TRANSITIONS[refund.status][status!] === 'conflict') return `provider_says_${status}`;
  // That both call it pending is no news: it does not come to its end.
  return refund.review_reason === 'stuck' && isOpen(refund.status) ? 'stuck' : null;
}
