import { Injectable, Logger } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { Snapshots } from '../charges/snapshots.js';
import type { Mover } from '../charges/transition.entity.js';
import type { DisputeSnapshot } from '../gateways/dispute-snapshot.js';
import type { Payment } from '../payment.entity.js';
import { PaymentNotFoundError } from '../payments.errors.js';
import { PaymentsRepository } from '../payments.repository.js';
import { contradiction, isNews, placeOf, seenAs, unreadable } from './dispute-states.js';
import { DisputeSteps } from './dispute-steps.js';
import { Dispute } from './dispute.entity.js';
import { DisputesRepository } from './disputes.repository.js';

/** Who brings a snapshot, and what was known when it was asked for. */
export interface DisputeCause extends Mover {
  /** The dispute's version before the provider was asked, null where there was none here. */
  readonly seen_version: number | null;
}

/** Somebody else has moved it since the provider was asked: nobody knows which is newer, so it is to be asked again. */
export class DisputeMovedError extends Error {
  override readonly name = 'DisputeMovedError';
}

/**
 * The one place where a dispute moves. Its status is the provider's own and in no order that would tell news from older
 * news: what was fetched before somebody else has moved it is thrown away. Never changes how the payment itself stands.
 */
@Injectable()
export class DisputeSnapshots {
  private readonly logger = new Logger(DisputeSnapshots.name);

  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly disputes: DisputesRepository,
    private readonly steps: DisputeSteps,
    private readonly snapshots: Snapshots,
  ) {}

  /**
   * Follows the provider. Joins the caller's transaction.
   * @returns null where it can be no dispute of ours: then the payment was set aside for a person.
   * @throws {DisputeMovedError} the snapshot may be older news.
   */
  applyDispute(payment_id: string, snapshot: DisputeSnapshot, cause: DisputeCause): Promise<Dispute | null> {
    return this.locked(payment_id, async (payment) => {
      const dispute = await this.disputes.findByProvider(payment.provider, snapshot.provider_dispute_id);
      if (!dispute) return this.open(payment, snapshot, cause);
      if (!isNews(dispute, seenAs(snapshot, dispute))) return dispute;
      if (cause.seen_version !== dispute.version) throw new DisputeMovedError();
      const fault = contradiction(payment, dispute, snapshot);
      return fault ? this.review(dispute, fault) : this.follow(payment, dispute, snapshot, cause);
    });
  }

  /** Sets it aside for a person. */
  setAside({ id, payment_id }: Dispute, reason: string): Promise<Dispute> {
    return this.locked(payment_id, async () => this.review((await this.disputes.find(id))!, reason));
  }

  /** The provider and we agree about it again: nobody need look any more. */
  agree({ id, payment_id }: Dispute): Promise<Dispute> {
    return this.locked(payment_id, async () => {
      const dispute = (await this.disputes.find(id))!;
      if (!dispute.needs_review) return dispute;
      Object.assign(dispute, { needs_review: false, review_reason: null });
      await this.disputes.save(dispute);
      return dispute;
    });
  }

  private locked<T>(payment_id: string, work: (payment: Payment) => Promise<T>): Promise<T> {
    return this.database.transaction(async () => {
      const payment = await this.payments.lock(payment_id);
      if (!payment) throw new PaymentNotFoundError(payment_id);
      return work(payment);
    });
  }

  private async follow(
    payment: Payment,
    dispute: Dispute,
    snapshot: DisputeSnapshot,
    cause: DisputeCause,
  ): Promise<Dispute> {
    const before = { status: dispute.status, place: placeOf(dispute) };
    Object.assign(dispute, seenAs(snapshot, dispute));
    await this.steps.write(payment, dispute, before, cause);
    return dispute;
  }

  private async open(payment: Payment, snapshot: DisputeSnapshot, cause: DisputeCause): Promise<Dispute | null> {
    const fault = unreadable(payment, snapshot);
    if (fault) return this.setPaymentAside(payment, `dispute_${fault}`);
    const now = new Date();
    const { id: payment_id, tenant_id, provider } = payment;
    const { provider_dispute_id, currency, reason } = snapshot;
    const dispute = Object.assign(new Dispute(), {
      ...seenAs(snapshot),
      id: uuidv7(),
      tenant_id,
      payment_id,
      provider,
      provider_dispute_id,
      currency,
      reason,
      needs_review: false,
      review_reason: null,
      version: 1,
      created_at: now,
      updated_at: now,
    } satisfies Dispute);
    await this.steps.begin(payment, dispute, cause);
    // Heard of at its end: whoever listens hears of the end, too.
    return dispute.closed ? this.follow(payment, dispute, snapshot, cause) : dispute;
  }

  private async review(dispute: Dispute, reason: string): Promise<Dispute> {
    if (dispute.needs_review) return dispute;
    Object.assign(dispute, { needs_review: true, review_reason: reason });
    await this.disputes.save(dispute);
    const { id: dispute_id, payment_id } = dispute;
    this.logger.error({ msg: `A dispute needs review: ${reason}`, dispute_id, payment_id });
    return dispute;
  }

  private async setPaymentAside({ id }: Payment, reason: string): Promise<null> {
    await this.snapshots.setAside(id, reason);
    return null;
  }
}
