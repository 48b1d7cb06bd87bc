import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { Snapshots } from '../charges/snapshots.js';
import type { TransitionActor } from '../charges/transition.entity.js';
import { PaymentGateway, ProviderRejectedError, type ProviderEvent } from '../gateways/payment.gateway.js';
import type { Payment } from '../payment.entity.js';
import { PaymentsRepository } from '../payments.repository.js';
import { DisputeNews } from './dispute-news.js';
import { RefundNews } from './refund-news.js';

/** `ignored`: the provider does not know it; `unmatched`: it is of no payment that is known here. */
export type Heard = 'processed' | 'ignored' | 'unmatched';

/** Something has happened to one of the provider's objects: fetches it as it is now, and follows it. */
@Injectable()
export class ProviderNews {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly gateway: PaymentGateway,
    private readonly snapshots: Snapshots,
    private readonly refunds: RefundNews,
    private readonly disputes: DisputeNews,
  ) {}

  /**
   * Joins the caller's scope, which must see all tenants.
   * @param object_id - the provider's.
   * @throws {ProviderUnknownError} the provider is away.
   * @throws {RefundTooEarlyError} to be heard again, as with {@link DisputeMovedError}.
   */
  async hear(
    object: ProviderEvent['object'],
    object_id: string,
    signal: AbortSignal,
    actor: TransitionActor,
  ): Promise<Heard> {
    try {
      return (await this.follow(object, object_id, signal, actor)) ? 'processed' : 'unmatched';
    } catch (error) {
      if (error instanceof ProviderRejectedError) return 'ignored';
      throw error;
    }
  }

  private follow(
    object: ProviderEvent['object'],
    object_id: string,
    signal: AbortSignal,
    actor: TransitionActor,
  ): Promise<boolean> {
    switch (object) {
      case 'payment':
        return this.ofPayment(object_id, signal, actor);
      case 'refund':
        return this.refunds.hear(object_id, signal, actor);
      case 'dispute':
        return this.disputes.hear(object_id, signal, actor);
    }
  }

  private async ofPayment(object_id: string, signal: AbortSignal, actor: TransitionActor): Promise<boolean> {
    // Read before the provider is asked: whatever moves meanwhile makes the answer older news.
    const known = await this.payments.findByProvider(this.gateway.config.provider, object_id);
    const snapshot = await this.gateway.fetch(object_id, signal);
    const payment = known ?? (await this.named(snapshot.payment_id));
    if (!payment) return false;
    const { id, tenant_id, version: seen_version } = payment;
    await this.database.asTenant(tenant_id, () => this.snapshots.applySnapshot(id, snapshot, { actor, seen_version }));
    return true;
  }

  /** The event may come before the object's id is committed: the object itself says whose it is. */
  private async named(payment_id: string | null): Promise<Payment | null> {
    return payment_id === null ? null : this.payments.find(payment_id);
  }
}
