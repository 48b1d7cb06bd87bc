import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { requestContext } from '../../common/request-context.js';
import type { ServiceError } from '../../common/service-error.js';
import { Database } from '../../database/database.js';
import type { CaptureRequest, GatewayConfig } from '../gateways/payment.gateway.js';
import type { ProviderOperation } from '../gateways/provider-operation.entity.js';
import { ProviderCalls, type Outcome } from '../gateways/provider-calls.js';
import { ProviderOperationsRepository } from '../gateways/provider-operations.repository.js';
import { IdempotencyKeys } from '../idempotency/idempotency-keys.js';
import { isSettled } from '../payment-states.js';
import type { Payment } from '../payment.entity.js';
import { ProviderUnavailableError } from '../payments.errors.js';
import { refusedAs } from './refusals.js';
import { isLeftOpen } from './snapshot-rules.js';
import { Snapshots, type Cause } from './snapshots.js';

/**
 * The words to the provider that make a payment move, in two steps: the object is made and its id committed; only then is
 * it confirmed. Whatever a crash interrupts is at an object that our database names.
 */
@Injectable()
export class Charges {
  constructor(
    private readonly database: Database,
    private readonly calls: ProviderCalls,
    private readonly operations: ProviderOperationsRepository,
    private readonly snapshots: Snapshots,
    private readonly idempotency: IdempotencyKeys,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** @throws {ProviderMisconfiguredError} nobody does here. */
  assertTakesMoney(): GatewayConfig {
    return this.calls.assertTakesMoney();
  }

  /** @throws {ProviderMisconfiguredError} it was made by another provider than the one that is in force. */
  assertKnows(payment: Payment): void {
    this.calls.assertKnows(payment);
  }

  /**
   * The first step, unless it was taken. No money can move by it: where its outcome is not known, the request fails and can be sent again.
   * @throws {ProviderUnavailableError}
   * @throws {ServiceError} the provider refuses the order; or has refused it, to an earlier run.
   */
  async create(payment: Payment, deadline: number): Promise<Payment> {
    if (payment.provider_payment_id) return payment;
    if (payment.status === 'canceled') return this.unlessRefused(payment, 'create', 1);
    await this.checkpoints.reach('payment.recorded');
    const operation = (await this.operations.find(payment.id, 'create', 1))!;
    const outcome = await this.orMade(payment, operation, deadline);
    if (outcome.kind === 'unknown') throw new ProviderUnavailableError(1);
    if (outcome.kind === 'rejected') return this.refuseOrder(payment, operation, outcome.code);
    const { created, withdrawal } = await this.database.transaction(async () => {
      const bound = await this.commit(payment, operation, outcome);
      const isOpen = isLeftOpen(bound, outcome.snapshot);
      const asked = isOpen ? await this.operations.insert(bound, 'cancel', { reason: 'abandoned' }) : null;
      return { created: bound, withdrawal: asked };
    });
    await this.checkpoints.reach('payment.created');
    return withdrawal ? this.withdraw(created, withdrawal, deadline) : created;
  }

  /**
   * Somebody has canceled it in the meantime, and found nothing at the provider to cancel: that is made good. Where it
   * cannot be done now, it is when the two are compared.
   */
  private async withdraw(payment: Payment, operation: ProviderOperation, deadline: number): Promise<Payment> {
    const outcome = await this.calls.send(payment, operation, deadline);
    if (outcome.kind === 'answered') return this.commit(payment, operation, outcome);
    if (outcome.kind === 'rejected') await this.operations.ended(operation.id, 'rejected', outcome.code);
    return payment;
  }

  /**
   * The payment as it is, for whoever asks again.
   * @throws {ServiceError} an earlier run was refused by the provider, and died before it told: what it would have told.
   */
  async unlessRefused(payment: Payment, operation: 'create' | 'confirm', seq: number): Promise<Payment> {
    const refusal = refusedAs(await this.operations.find(payment.id, operation, seq), payment);
    if (refusal) throw refusal;
    return payment;
  }

  /** What an earlier run may have made is looked for first: the provider need not remember our key. */
  private async orMade(payment: Payment, operation: ProviderOperation, deadline: number): Promise<Outcome> {
    if (!this.idempotency.isRepeated()) return this.calls.send(payment, operation, deadline);
    const made = await this.calls.fetch(payment, deadline);
    return made.kind === 'rejected' ? this.calls.send(payment, operation, deadline, true) : made;
  }

  /** The second step: the one that moves money. Where its outcome is not known, the payment stays `processing`. */
  async confirm(
    payment: Payment,
    { operation, again, seq }: { operation: ProviderOperation; again: boolean; seq: number },
    deadline: number,
  ): Promise<Payment> {
    await this.checkpoints.reach('payment.confirming');
    if (again) {
      const seen = await this.look(payment, deadline);
      if (seen.version !== payment.version || seen.needs_review) return seen;
    }
    const outcome = await this.calls.send(payment, operation, deadline, again);
    if (outcome.kind === 'answered') return this.commit(payment, operation, outcome);
    if (outcome.kind === 'rejected') return this.refuseTry(payment, operation, { code: outcome.code, seq }, deadline);
    return this.look(payment, deadline, true);
  }

  /**
   * Captures or cancels. Of several at once the provider serves the first; for the others the payment is in another state.
   * @throws {PaymentStateConflictError}
   * @throws {ProviderUnavailableError} nobody knows yet: the same request may be sent again.
   */
  async command(begun: Payment, operation: ProviderOperation, deadline: number, again: boolean): Promise<Payment> {
    const refusal = refusedAs(operation, begun);
    if (refusal) throw refusal;
    if (operation.finished_at) return begun;
    const seen = begun.provider_payment_id ? begun : await this.lookUp(begun, deadline);
    const payment = seen.provider_payment_id ? seen : await this.abandon(seen, operation);
    if (!payment.provider_payment_id) return payment;
    const outcome = await this.calls.send(payment, operation, deadline, again);
    if (outcome.kind === 'answered') return this.commit(payment, operation, outcome);
    const now = await this.look(payment, deadline);
    if (outcome.kind === 'unknown') {
      // However often a provider that keeps its failures under our key is asked, it will say nothing else.
      if (!isSettled(now.status)) throw new ProviderUnavailableError(1);
      if (isDone(operation, now)) {
        await this.operations.ended(operation.id, 'succeeded');
        return now;
      }
    }
    await this.operations.ended(operation.id, 'rejected', outcome.code);
    throw refusalOf(operation, outcome.code, now);
  }

  /** Asks the provider how it stands and follows; where it does not answer, or has nothing, the payment stays as it was. */
  async look(payment: Payment, deadline: number, soon = false): Promise<Payment> {
    const seen = await this.follow(payment, await this.calls.fetch(payment, deadline));
    if (soon && seen.status === 'processing') await this.snapshots.hasten(payment.id);
    return seen;
  }

  /** Where nobody can say whether the provider has it, nobody can say that it has nothing. @throws {ProviderUnavailableError} */
  private async lookUp(payment: Payment, deadline: number): Promise<Payment> {
    const outcome = await this.calls.fetch(payment, deadline);
    if (outcome.kind === 'unknown') throw new ProviderUnavailableError(1);
    return this.follow(payment, outcome);
  }

  private async follow(payment: Payment, outcome: Outcome): Promise<Payment> {
    if (outcome.kind !== 'answered') return payment;
    return this.snapshots.applySnapshot(payment.id, outcome.snapshot, causeOf(payment));
  }

  /** There is nothing at the provider to be canceled; unless it was made in this very moment. */
  private abandon(payment: Payment, operation: ProviderOperation): Promise<Payment> {
    return this.database.transaction(async () => {
      const abandoned = await this.snapshots.abandon(payment.id, causeOf(payment));
      if (abandoned.status === 'canceled') await this.operations.ended(operation.id, 'succeeded');
      return abandoned;
    });
  }

  private async commit(
    payment: Payment,
    operation: ProviderOperation,
    { snapshot }: Extract<Outcome, { kind: 'answered' }>,
  ): Promise<Payment> {
    const cause = { ...causeOf(payment), ...(operation.operation === 'confirm' && { seq: operation.seq }) };
    const moved = await this.database.transaction(async () => {
      const applied = await this.snapshots.applySnapshot(payment.id, snapshot, cause);
      await this.operations.ended(operation.id, 'succeeded');
      await this.idempotency.advance(operation.operation === 'create' ? 'provider_object_created' : 'provider_asked');
      // The provider takes its time. The lease, at whose end somebody would look, is for requests that never heard of it.
      if (operation.operation === 'confirm' && applied.status === 'processing') await this.snapshots.hasten(payment.id);
      return applied;
    });
    if (operation.operation !== 'create') await this.checkpoints.reach('payment.applied');
    return moved;
  }

  /** The order itself is wrong in the provider's eyes: nothing was made. */
  private async refuseOrder(payment: Payment, operation: ProviderOperation, code: string): Promise<never> {
    await this.database.transaction(async () => {
      await this.snapshots.abandon(payment.id, causeOf(payment));
      await this.operations.ended(operation.id, 'rejected', code);
    });
    throw refusalOf(operation, code, payment);
  }

  /**
   * The provider did not even try. Where that is since it knows better how the payment stands, that counts; and where
   * another try may be under way, the payer's browser's, nobody says that the payment waits for a method.
   */
  private async refuseTry(
    payment: Payment,
    operation: ProviderOperation,
    { code, seq }: { code: string; seq: number },
    deadline: number,
  ): Promise<Payment> {
    const outcome = await this.calls.fetch(payment, deadline);
    const seen = await this.follow(payment, outcome);
    if (seen.version !== payment.version || seen.needs_review) return seen;
    if (isBusy(code, outcome)) {
      await this.snapshots.hasten(payment.id);
      return seen;
    }
    const error = { code, decline_code: null, message: null };
    const refused = await this.database.transaction(async () => {
      const moved = await this.snapshots.refuseAttempt(payment.id, seq, error, causeOf(payment));
      // Unless somebody has brought better news in this very moment.
      if (moved.last_error?.code === code) await this.operations.ended(operation.id, 'rejected', code);
      return moved;
    });
    if (refused.last_error?.code !== code) return refused;
    throw refusalOf(operation, code, refused);
  }
}

/** As the journal will have it told to whoever asks again. */
const refusalOf = ({ operation }: ProviderOperation, error_code: string, payment: Payment): ServiceError =>
  refusedAs({ operation, state: 'rejected', error_code }, payment)!;

/** Whether a payment that has ended did so as was asked for. */
function isDone({ operation, request }: ProviderOperation, { status, amount_captured }: Payment): boolean {
  if (operation === 'cancel') return status === 'canceled';
  return status === 'succeeded' && amount_captured === (request as CaptureRequest).amount;
}

/** Whether the provider has begun with this payment, or may have: by its refusal, and by what it has told then. */
function isBusy(code: string, outcome: Outcome): boolean {
  if (outcome.kind !== 'answered') return code === 'unexpected_state';
  const { status } = outcome.snapshot;
  return status !== 'requires_confirmation' && status !== 'requires_payment_method';
}

const causeOf = ({ version, owner_id }: Payment): Cause => ({
  actor: 'api',
  // Captures are an admin's.
  actor_id: requestContext()?.principal?.id ?? owner_id,
  seen_version: version,
});
