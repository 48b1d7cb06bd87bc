import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/access.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { DisputesRepository } from '../disputes/disputes.repository.js';
import { ProviderOperationsRepository } from '../gateways/provider-operations.repository.js';
import type { RefundRequest } from '../gateways/refund-snapshot.js';
import { IdempotencyKeys } from '../idempotency/idempotency-keys.js';
import { assertRepresentable } from '../money/money-rules.js';
import type { Payment } from '../payment.entity.js';
import { PaymentStateConflictError } from '../payments.errors.js';
import { DisputeOpenError, RefundExceedsCapturedError } from '../refunds/refunds.errors.js';
import type { Asked } from './refund-calls.js';
import { refundable } from './refund-rules.js';
import { newRefund } from './refund-snapshots.js';
import { RefundSteps } from './refund-steps.js';

/** A refund as somebody wants it; the amount in the minor unit, null for all that is left. */
export interface Wanted {
  readonly amount: number | null;
  readonly reason: string | null;
  readonly metadata: Record<string, string>;
  /** Also while the payment is disputed. */
  readonly force: boolean;
}

/** Writes down that money is to go back, before anybody outside hears of it. */
@Injectable()
export class RefundIntents {
  constructor(
    private readonly database: Database,
    private readonly steps: RefundSteps,
    private readonly operations: ProviderOperationsRepository,
    private readonly disputes: DisputesRepository,
    private readonly idempotency: IdempotencyKeys,
    private readonly timings: Timings,
  ) {}

  /** What an earlier run with the same key has written down. Joins the caller's scope. */
  async resumed(payment: Payment): Promise<Asked | null> {
    const id = this.idempotency.current()?.operation_id;
    const operation = id ? await this.operations.findById(id) : null;
    const refund = operation?.refund_id ? await this.steps.findRefund(operation.refund_id) : null;
    return operation && refund ? { payment, refund, operation } : null;
  }

  /**
   * The refund, what it takes of the payment, and the word to the provider, in one transaction: of many at once each sees
   * what the ones before have left.
   * @throws {PaymentStateConflictError} nothing was captured.
   * @throws {DisputeOpenError}
   * @throws {RefundExceedsCapturedError}
   * @throws {AmountNotRepresentableError}
   */
  request(actor: Principal, payment_id: string, wanted: Wanted): Promise<Asked> {
    return this.database.transaction(async () => {
      await this.idempotency.fence();
      const payment = await this.steps.getLocked(payment_id);
      if (payment.amount_captured === 0) throw new PaymentStateConflictError(payment_id, payment.status);
      if (!wanted.force && (await this.disputes.isAnyOpen(payment_id))) throw new DisputeOpenError(payment_id);
      const max_refundable = refundable(payment);
      const amount = wanted.amount ?? max_refundable;
      if (amount > max_refundable || amount === 0) {
        throw new RefundExceedsCapturedError(undefined, undefined, { payment_id, max_refundable });
      }
      assertRepresentable(payment.provider, amount, payment.currency);
      const next_reconcile_at = new Date(Date.now() + this.timings.payment_lease_ms);
      const { reason, metadata } = wanted;
      const refund = newRefund(payment, {
        amount,
        reason,
        metadata,
        next_reconcile_at,
        status: 'pending',
        origin: 'api',
        provider_refund_id: null,
      });
      await this.steps.begin(payment, refund, { actor: 'api', actor_id: actor.id });
      const { id: refund_id, tenant_id, currency } = refund;
      const request: RefundRequest = { refund_id, payment_id, tenant_id, amount, currency, reason };
      const operation = await this.operations.insert(payment, 'refund', request, { refund_id });
      await this.idempotency.advance('provider_asked', { payment_id, operation_id: operation.id });
      return { payment, refund, operation };
    });
  }
}
