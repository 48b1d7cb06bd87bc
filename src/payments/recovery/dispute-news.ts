import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import type { TransitionActor } from '../charges/transition.entity.js';
import { DisputeMovedError, DisputeSnapshots } from '../disputes/dispute-snapshots.js';
import { DisputesRepository } from '../disputes/disputes.repository.js';
import { PaymentGateway } from '../gateways/payment.gateway.js';
import { PaymentsRepository } from '../payments.repository.js';

/** So often it is asked again at once when somebody else has moved it meanwhile. */
const TRIES = 3;

/** A dispute has moved at the provider, or was made there. */
@Injectable()
export class DisputeNews {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly disputes: DisputesRepository,
    private readonly gateway: PaymentGateway,
    private readonly snapshots: DisputeSnapshots,
  ) {}

  /**
   * Joins the caller's scope, which must see all tenants.
   * @returns false where it is of no payment that is known here.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError} {@link DisputeMovedError}
   */
  async hear(object_id: string, signal: AbortSignal, actor: TransitionActor): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.ask(object_id, signal, actor);
      } catch (error) {
        if (!(error instanceof DisputeMovedError) || tries === TRIES) throw error;
      }
    }
  }

  private async ask(object_id: string, signal: AbortSignal, actor: TransitionActor): Promise<boolean> {
    const { provider } = this.gateway.config;
    const known = await this.disputes.findByProvider(provider, object_id);
    const snapshot = await this.gateway.fetchDispute(object_id, signal);
    const payment = await this.payments.findByProvider(provider, snapshot.provider_payment_id);
    if (!payment) return false;
    const cause = { actor, seen_version: known?.version ?? null };
    await this.database.asTenant(payment.tenant_id, () => this.snapshots.applyDispute(payment.id, snapshot, cause));
    return true;
  }
}
