import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { errorLabel } from '../../common/condition.js';
import { ServiceError } from '../../common/service-error.js';
import type { Payment } from '../payment.entity.js';
import { ProviderMisconfiguredError } from '../payments.errors.js';
import {
  PaymentGateway,
  ProviderForbiddenError,
  ProviderRejectedError,
  ProviderUnknownError,
  type CancelRequest,
  type CaptureRequest,
  type ConfirmRequest,
  type CreateRequest,
  type GatewayConfig,
  type PaymentSnapshot,
  type Sending,
} from './payment.gateway.js';
import type { ProviderOperation } from './provider-operation.entity.js';
import { ProviderOperationsRepository } from './provider-operations.repository.js';

/** What came of a question. Not knowing is an outcome of its own: never a no. */
export type Outcome<Snapshot = PaymentSnapshot> =
  | { readonly kind: 'answered'; readonly snapshot: Snapshot }
  | { readonly kind: 'rejected'; readonly code: string }
  | { readonly kind: 'unknown'; readonly code: string };

/** So long before what was broken off is sent once more, under the same key. */
export const PAUSE_MS = 50;

/**
 * Every word to the provider, none of it within a transaction: the journal's row was committed before. What is repeated is
 * repeated with the same parameters under the same key, and only for as long as the provider keeps keys.
 */
@Injectable()
export class ProviderCalls {
  private readonly logger = new Logger(ProviderCalls.name);

  constructor(
    private readonly gateway: PaymentGateway,
    private readonly operations: ProviderOperationsRepository,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** @throws {ProviderMisconfiguredError} nobody does here. */
  assertTakesMoney(): GatewayConfig {
    const { config } = this.gateway;
    if (config.provider === 'none') throw new ProviderMisconfiguredError();
    return config;
  }

  /**
   * Whether it was made by the provider that is in force. Nobody else knows it: what another one, or this one in the other
   * mode, says of it would be taken for the truth.
   */
  knows({ provider, livemode }: Payment): boolean {
    const { config } = this.gateway;
    return config.provider === provider && config.livemode === livemode;
  }

  /** @throws {ProviderMisconfiguredError} it was made by another provider than the one that is in force. */
  assertKnows(payment: Payment): void {
    if (!this.knows(payment)) throw new ProviderMisconfiguredError();
  }

  /**
   * Sends what the journal says, and once more where the connection broke early.
   * @param deadline - milliseconds of the epoch.
   * @param again - whether an earlier run may have sent it already.
   * @throws {ProviderMisconfiguredError} the provider does not know us, or there is none.
   */
  async send(payment: Payment, operation: ProviderOperation, deadline: number, again = false): Promise<Outcome> {
    this.assertKnows(payment);
    if (again && operation.post_until.getTime() < Date.now()) return { kind: 'unknown', code: 'key_horizon_passed' };
    let outcome = await this.attempt(payment, operation, deadline, again);
    if (outcome.kind === 'unknown' && Date.now() + PAUSE_MS < deadline) {
      await sleep(PAUSE_MS);
      outcome = await this.attempt(payment, operation, deadline, true);
    }
    if (outcome.kind === 'unknown') await this.operations.ended(operation.id, 'unknown', outcome.code);
    await this.checkpoints.reach(`payment.${operation.operation}.answered`);
    return outcome;
  }

  /** The provider's object as it is; `rejected` where there is none. Looks by our id where we never heard the provider's. */
  async fetch(payment: Payment, deadline: number): Promise<Outcome> {
    this.assertKnows(payment);
    const { id, provider_payment_id } = payment;
    return this.ask(deadline, async (signal) => {
      if (provider_payment_id) return this.gateway.fetch(provider_payment_id, signal);
      const found = await this.gateway.findByPayment(id, signal);
      if (!found) throw new ProviderRejectedError('not_found');
      return found;
    });
  }

  /**
   * Asks anything of the provider, until the deadline. The time is ours to keep: a gateway that hears no signal is not
   * waited for either.
   * @throws {ProviderMisconfiguredError}
   */
  async ask<Snapshot>(
    deadline: number,
    question: (signal: AbortSignal) => Promise<Snapshot>,
  ): Promise<Outcome<Snapshot>> {
    const left_ms = deadline - Date.now();
    if (left_ms <= 0) return { kind: 'unknown', code: 'timeout' };
    const ending = new AbortController();
    const tooLate = sleep(left_ms, undefined, { signal: ending.signal }).then(
      () => Promise.reject(new ProviderUnknownError('timeout')),
      () => new Promise<never>(() => undefined),
    );
    try {
      const snapshot = await Promise.race([question(AbortSignal.timeout(left_ms)), tooLate]);
      return { kind: 'answered', snapshot };
    } catch (error) {
      return this.failed(error);
    } finally {
      ending.abort();
    }
  }

  private async attempt(
    payment: Payment,
    operation: ProviderOperation,
    deadline: number,
    again: boolean,
  ): Promise<Outcome> {
    if (again) await this.operations.resent(operation.id);
    const { idempotency_key } = operation;
    return this.ask(deadline, (signal) => this.dispatch(payment, operation, { idempotency_key, signal }));
  }

  private dispatch(
    payment: Payment,
    { operation, request }: ProviderOperation,
    sending: Sending,
  ): Promise<PaymentSnapshot> {
    const id = payment.provider_payment_id ?? '';
    const frozen: unknown = request;
    switch (operation) {
      case 'create':
        return this.gateway.create(frozen as CreateRequest, sending);
      case 'confirm':
        return this.gateway.confirm(id, frozen as ConfirmRequest, sending);
      case 'capture':
        return this.gateway.capture(id, frozen as CaptureRequest, sending);
      case 'cancel':
        return this.gateway.cancel(id, frozen as CancelRequest, sending);
      case 'refund':
        throw new TypeError('Refunds are asked for by RefundCalls');
    }
  }

  private failed(error: unknown): Exclude<Outcome, { kind: 'answered' }> {
    if (error instanceof ProviderRejectedError) {
      // A key that was used for something else proves that something has arrived: that is no no.
      return { kind: error.code === 'idempotency_key_reused' ? 'unknown' : 'rejected', code: error.code };
    }
    if (error instanceof ProviderForbiddenError) throw new ProviderMisconfiguredError(undefined, { cause: error });
    if (error instanceof ServiceError) throw error;
    if (error instanceof ProviderUnknownError) return { kind: 'unknown', code: error.code };
    // Whatever else went wrong, it may have gone wrong after the provider had done its work.
    this.logger.warn(`The provider could not be asked: ${errorLabel(error)}`);
    return { kind: 'unknown', code: 'failed' };
  }
}
