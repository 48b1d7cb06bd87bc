import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { Database } from '../../database/database.js';
import type { Mover } from '../charges/transition.entity.js';
import type { Outcome } from '../gateways/provider-calls.js';
import { ProviderOperationsRepository } from '../gateways/provider-operations.repository.js';
import type { GatewayConfig } from '../gateways/payment.gateway.js';
import type { RefundSnapshot } from '../gateways/refund-snapshot.js';
import { IdempotencyKeys } from '../idempotency/idempotency-keys.js';
import type { Payment } from '../payment.entity.js';
import type { Refund } from '../refunds/refund.entity.js';
import { HORIZON, RefundCalls, type Asked } from './refund-calls.js';
import { RefundSnapshots, RefundTooEarlyError } from './refund-snapshots.js';

/** Brings a refund that is written down to the provider, and what came of it back. */
@Injectable()
export class Refunding {
  constructor(
    private readonly database: Database,
    private readonly calls: RefundCalls,
    private readonly operations: ProviderOperationsRepository,
    private readonly snapshots: RefundSnapshots,
    private readonly idempotency: IdempotencyKeys,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** @throws {ProviderMisconfiguredError} */
  assertTakesMoney(): GatewayConfig {
    return this.calls.assertTakesMoney();
  }

  /** @throws {ProviderMisconfiguredError} it was made by another provider than the one that is in force. */
  assertKnows(payment: Payment): void {
    this.calls.assertKnows(payment);
  }

  /**
   * Where the provider gives a definite no, the refund has failed; where nobody knows, it stays pending and is followed.
   * @param again - whether it may have been sent before.
   */
  async proceed(asked: Asked, deadline: number, again: boolean, mover: Mover): Promise<Refund> {
    if (asked.operation.finished_at) return asked.refund;
    await this.checkpoints.reach('refund.recorded');
    const outcome = await this.calls.send(asked, deadline, again);
    if (outcome.kind === 'answered') return this.commit(asked, outcome, mover);
    if (outcome.kind === 'rejected') return this.refuse(asked, outcome.code, deadline, mover);
    if (outcome.code === HORIZON) return this.snapshots.setAside(asked.refund, HORIZON);
    return this.snapshots.hasten(asked.refund);
  }

  /** How it stands by now: asks for it where the provider has it, else looks for it there and asks for it once more. */
  async follow(payment: Payment, refund: Refund, deadline: number, mover: Mover): Promise<Refund> {
    const { provider_refund_id, version: seen_version } = refund;
    if (provider_refund_id === null) {
      const operation = await this.operations.findByRefund(refund.id);
      return operation ? this.proceed({ payment, refund, operation }, deadline, true, mover) : refund;
    }
    const outcome = await this.calls.fetch(provider_refund_id, deadline);
    if (outcome.kind === 'unknown') return refund;
    if (outcome.kind === 'rejected') return this.snapshots.setAside(refund, 'missing_at_provider');
    const cause = { ...mover, seen_version };
    return (await this.snapshots.applyRefund(payment.id, outcome.snapshot, cause)) ?? refund;
  }

  private async commit(
    { payment, refund, operation }: Asked,
    { snapshot }: Extract<Outcome<RefundSnapshot>, { kind: 'answered' }>,
    mover: Mover,
  ): Promise<Refund> {
    const moved = await this.database.transaction(async () => {
      const cause = { ...mover, seen_version: refund.version };
      const applied = await this.snapshots.applyRefund(payment.id, snapshot, cause);
      await this.operations.ended(operation.id, 'succeeded');
      await this.idempotency.advance('provider_asked');
      return applied;
    });
    await this.checkpoints.reach('refund.applied');
    return moved ?? refund;
  }

  /** No money went back by it. Whatever else is at the provider, which may be why, is taken in. */
  private async refuse(asked: Asked, code: string, deadline: number, mover: Mover): Promise<Refund> {
    const { payment, refund, operation } = asked;
    const failed = await this.database.transaction(async () => {
      const moved = await this.snapshots.fail(refund, code, mover);
      await this.operations.ended(operation.id, 'rejected', code);
      return moved;
    });
    for (const snapshot of await this.calls.list(payment, deadline)) {
      await this.snapshots
        .applyRefund(payment.id, snapshot, { actor: mover.actor, seen_version: null })
        .catch((error: unknown) => {
          // Another one of ours stands in its way: it is heard of again.
          if (!(error instanceof RefundTooEarlyError)) throw error;
        });
    }
    await this.checkpoints.reach('refund.applied');
    return failed;
  }
}
