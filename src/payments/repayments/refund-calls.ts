import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { PaymentGateway, ProviderRejectedError, type GatewayConfig } from '../gateways/payment.gateway.js';
import type { ProviderOperation } from '../gateways/provider-operation.entity.js';
import { PAUSE_MS, ProviderCalls, type Outcome } from '../gateways/provider-calls.js';
import { ProviderOperationsRepository } from '../gateways/provider-operations.repository.js';
import type { RefundRequest, RefundSnapshot } from '../gateways/refund-snapshot.js';
import type { Payment } from '../payment.entity.js';
import type { Refund } from '../refunds/refund.entity.js';

/** A refund whose request is written down. */
export interface Asked {
  readonly payment: Payment;
  readonly refund: Refund;
  readonly operation: ProviderOperation;
}

/**
 * The words to the provider about refunds, none of them within a transaction. A refund has no object that is made before
 * money moves, and keys are forgotten: so before anything is sent once more, the refunds of the payment are listed, and
 * one with our id is the one.
 */
@Injectable()
export class RefundCalls {
  constructor(
    private readonly gateway: PaymentGateway,
    private readonly calls: ProviderCalls,
    private readonly operations: ProviderOperationsRepository,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** @throws {ProviderMisconfiguredError} nobody takes or returns money here. */
  assertTakesMoney(): GatewayConfig {
    return this.calls.assertTakesMoney();
  }

  /** @throws {ProviderMisconfiguredError} it was made by another provider than the one that is in force. */
  assertKnows(payment: Payment): void {
    this.calls.assertKnows(payment);
  }

  /**
   * Asks for it; once more where nobody knows what came of that.
   * @param deadline - milliseconds of the epoch.
   * @param again - whether an earlier run may have asked already.
   * @throws {ProviderMisconfiguredError} the provider does not know us, or there is none.
   */
  async send(asked: Asked, deadline: number, again: boolean): Promise<Outcome<RefundSnapshot>> {
    this.calls.assertKnows(asked.payment);
    let outcome = again ? await this.sendAgain(asked, deadline) : await this.post(asked, deadline);
    if (outcome.kind === 'unknown' && outcome.code !== HORIZON && Date.now() + PAUSE_MS < deadline) {
      await sleep(PAUSE_MS);
      outcome = await this.sendAgain(asked, deadline);
    }
    if (outcome.kind === 'unknown') await this.operations.ended(asked.operation.id, 'unknown', outcome.code);
    await this.checkpoints.reach('payment.refund.answered');
    return outcome;
  }

  /** The refund as it is at the provider; `rejected` where it is not there. */
  fetch(provider_refund_id: string, deadline: number): Promise<Outcome<RefundSnapshot>> {
    return this.calls.ask(deadline, (signal) => this.gateway.fetchRefund(provider_refund_id, signal));
  }

  /** All that the provider has of a payment's refunds. */
  async list({ provider_payment_id }: Payment, deadline: number): Promise<readonly RefundSnapshot[]> {
    const outcome = await this.calls.ask(deadline, (signal) =>
      this.gateway.listRefunds(provider_payment_id ?? '', signal),
    );
    return outcome.kind === 'answered' ? outcome.snapshot : [];
  }

  private async sendAgain(asked: Asked, deadline: number): Promise<Outcome<RefundSnapshot>> {
    const { payment, refund, operation } = asked;
    const made = await this.calls.ask(deadline, async (signal) => {
      const all = await this.gateway.listRefunds(payment.provider_payment_id ?? '', signal);
      const ours = all.find(({ refund_id }) => refund_id === refund.id);
      if (!ours) throw new ProviderRejectedError('not_found');
      return ours;
    });
    if (made.kind !== 'rejected') return made;
    if (operation.post_until.getTime() < Date.now()) return { kind: 'unknown', code: HORIZON };
    await this.operations.resent(operation.id);
    return this.post(asked, deadline);
  }

  /** A provider that does not know the payment, which it has paid, is not the one that can say no to its refund. */
  private async post({ payment, operation }: Asked, deadline: number): Promise<Outcome<RefundSnapshot>> {
    const { idempotency_key, request } = operation;
    const outcome = await this.calls.ask(deadline, (signal) =>
      this.gateway.refund(payment.provider_payment_id ?? '', request as RefundRequest, { idempotency_key, signal }),
    );
    const isLost = outcome.kind === 'rejected' && outcome.code === 'not_found';
    return isLost ? { kind: 'unknown', code: outcome.code } : outcome;
  }
}

/** The provider has forgotten the key, and does not have the refund: it is not asked for again. */
export const HORIZON = 'key_horizon_passed';
