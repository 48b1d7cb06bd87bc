import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { DisputeMovedError, DisputeSnapshots } from '../disputes/dispute-snapshots.js';
import { contradiction, isNews, seenAs } from '../disputes/dispute-states.js';
import type { Dispute } from '../disputes/dispute.entity.js';
import { DisputesRepository } from '../disputes/disputes.repository.js';
import type { DisputeSnapshot } from '../gateways/dispute-snapshot.js';
import { PaymentGateway } from '../gateways/payment.gateway.js';
import type { Payment } from '../payment.entity.js';
import { PaymentsRepository } from '../payments.repository.js';
import { Discrepancies } from '../reconciliation/discrepancies.js';
import { REVIEW_KINDS } from '../reconciliation/review-kinds.js';
import { findingsOf, objectOf, orNull, type Examination } from './repayment-examination.js';

/** Looks at one dispute together with the provider. */
@Injectable()
export class DisputeExamination implements Examination<'dispute'> {
  readonly object_type = 'dispute';

  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly disputes: DisputesRepository,
    private readonly gateway: PaymentGateway,
    private readonly snapshots: DisputeSnapshots,
    private readonly discrepancies: Discrepancies,
  ) {}

  theirs(since: Date, signal: AbortSignal): AsyncIterable<DisputeSnapshot> {
    return this.gateway.disputes(since, signal);
  }

  listOf(provider_payment_id: string, signal: AbortSignal): Promise<DisputeSnapshot[]> {
    return this.gateway.listDisputes(provider_payment_id, signal);
  }

  nameOf({ provider_dispute_id }: Dispute | DisputeSnapshot): string {
    return provider_dispute_id;
  }

  isAlike(dispute: Dispute, snapshot: DisputeSnapshot): boolean {
    const isSame = !isNews(dispute, seenAs(snapshot, dispute)) && dispute.currency === snapshot.currency;
    return isSame && !dispute.needs_review;
  }

  /** One that is of no payment of ours is somebody else's, who uses the same account: nothing in it bears our name. */
  async examine(name: string, signal: AbortSignal): Promise<boolean> {
    const { provider } = this.gateway.config;
    const known = await this.database.asSystem(() => this.disputes.findByProvider(provider, name));
    const snapshot = await orNull(this.gateway.fetchDispute(name, signal));
    if (!snapshot) return this.gone(name, known);
    const payment = await this.database.asSystem(() =>
      known
        ? this.payments.find(known.payment_id)
        : this.payments.findByProvider(provider, snapshot.provider_payment_id),
    );
    if (!payment) return true;
    return this.database.asTenant(payment.tenant_id, async () => {
      const dispute = await this.follow(payment, snapshot, known?.version ?? null);
      if (dispute) await this.settle(payment, dispute, snapshot);
      return dispute !== null;
    });
  }

  /** @returns null where somebody else has just moved it, or the payment was set aside over it. */
  private async follow(
    payment: Payment,
    snapshot: DisputeSnapshot,
    seen_version: number | null,
  ): Promise<Dispute | null> {
    try {
      return await this.snapshots.applyDispute(payment.id, snapshot, { actor: 'reconciler', seen_version });
    } catch (error) {
      if (error instanceof DisputeMovedError) return null;
      throw error;
    }
  }

  private async settle(payment: Payment, dispute: Dispute, snapshot: DisputeSnapshot): Promise<void> {
    const findings = findingsOf(contradiction(payment, dispute, snapshot), dispute, snapshot);
    // That first, since what is set aside is told of as long as it is.
    if (findings.length === 0 && dispute.needs_review) await this.snapshots.agree(dispute);
    await this.discrepancies.settle(objectOf('dispute', dispute, dispute.provider_dispute_id), REVIEW_KINDS, findings);
  }

  /** The provider does not have it any more. */
  private async gone(name: string, known: Dispute | null): Promise<true> {
    if (!known) return true;
    const fault = 'missing_at_provider';
    await this.database.asTenant(known.tenant_id, () => this.snapshots.setAside(known, fault));
    await this.discrepancies.settle(objectOf('dispute', known, name), REVIEW_KINDS, findingsOf(fault, known, null));
    return true;
  }
}
