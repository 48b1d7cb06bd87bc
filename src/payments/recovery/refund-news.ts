import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import type { TransitionActor } from '../charges/transition.entity.js';
import { PaymentGateway } from '../gateways/payment.gateway.js';
import { PaymentsRepository } from '../payments.repository.js';
import { RefundsRepository } from '../refunds/refunds.repository.js';
import { RefundSnapshots } from '../repayments/refund-snapshots.js';

/** A refund has moved at the provider, or was made there. */
@Injectable()
export class RefundNews {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly refunds: RefundsRepository,
    private readonly gateway: PaymentGateway,
    private readonly snapshots: RefundSnapshots,
  ) {}

  /**
   * Joins the caller's scope, which must see all tenants.
   * @returns false where it is of no payment that is known here.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError} {@link RefundTooEarlyError}
   */
  async hear(object_id: string, signal: AbortSignal, actor: TransitionActor): Promise<boolean> {
    const { provider } = this.gateway.config;
    // Read before the provider is asked: whatever moves meanwhile makes the answer older news.
    const known = await this.refunds.findByProvider(provider, object_id);
    const snapshot = await this.gateway.fetchRefund(object_id, signal);
    const payment = await this.payments.findByProvider(provider, snapshot.provider_payment_id);
    if (!payment) return false;
    const cause = { actor, seen_version: known?.version ?? null };
    await this.database.asTenant(payment.tenant_id, () => this.snapshots.applyRefund(payment.id, snapshot, cause));
    return true;
  }
}
