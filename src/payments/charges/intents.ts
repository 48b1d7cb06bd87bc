import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/access.js';
import { uuidv7 } from '../../common/uuid.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import type { GatewayConfig } from '../gateways/payment.gateway.js';
import type { ProviderOperation } from '../gateways/provider-operation.entity.js';
import { ProviderOperationsRepository } from '../gateways/provider-operations.repository.js';
import { IdempotencyKeys } from '../idempotency/idempotency-keys.js';
import { PERMISSIONS, type Command } from '../payment-states.js';
import { Payment, type CaptureMethod } from '../payment.entity.js';
import { AttemptInProgressError, PaymentStateConflictError, ReferenceConflictError } from '../payments.errors.js';
import { AttemptsRepository } from './attempts.repository.js';
import { Steps } from './steps.js';

/** A payment as its owner wants it. Amounts are in the minor unit, the currency in upper case. */
export interface Order {
  readonly amount: number;
  readonly currency: string;
  readonly capture_method: CaptureMethod;
  readonly payment_method: string | null;
  readonly confirm: boolean;
  readonly reference: string | null;
  readonly description: string | null;
  readonly metadata: Record<string, string>;
}

/** A payment, and what is about to be asked of the provider. */
export interface Intent {
  readonly payment: Payment;
  readonly operation: ProviderOperation;
}

/** Writes down what is wanted, before anybody outside hears of it. */
@Injectable()
export class Intents {
  constructor(
    private readonly database: Database,
    private readonly steps: Steps,
    private readonly attempts: AttemptsRepository,
    private readonly operations: ProviderOperationsRepository,
    private readonly idempotency: IdempotencyKeys,
    private readonly timings: Timings,
  ) {}

  /**
   * The payment, its first try and the first word to the provider, in one transaction.
   * @throws {ReferenceConflictError} another payment of the owner has this reference.
   */
  create(actor: Principal, order: Order, { provider, livemode }: GatewayConfig): Promise<Payment> {
    const payment = newPayment(actor, order, provider as Payment['provider'], livemode);
    payment.next_reconcile_at = this.leaseEnd();
    const work = async (): Promise<Payment> => {
      await this.idempotency.fence();
      await this.steps.begin(payment, { actor: 'api', actor_id: actor.id });
      if (order.confirm) await this.attempts.insert(payment, 1, order.payment_method);
      const { id: payment_id, tenant_id, amount, currency, capture_method } = payment;
      const request = { payment_id, tenant_id, amount, currency, capture_method };
      await this.operations.insert(payment, 'create', request, { seq: 1 });
      await this.idempotency.advance('resource_created', { payment_id });
      return payment;
    };
    return this.database.transaction(work).catch((error: unknown) => this.nameTheOther(error, payment));
  }

  /** What an earlier run with the same key has asked of the provider. */
  async resumed(): Promise<ProviderOperation | null> {
    const id = this.idempotency.current()?.operation_id;
    return id ? this.operations.findById(id) : null;
  }

  /**
   * Another try, with another payment method.
   * @throws {AttemptInProgressError} one is under way.
   * @throws {PaymentStateConflictError} none has a meaning any more, or the payment is set aside.
   */
  retry(actor: Principal, payment_id: string, request: { payment_method: string }): Promise<Intent> {
    return this.database.transaction(async () => {
      await this.idempotency.fence();
      const payment = await this.steps.getLocked(payment_id);
      assertPermitted(payment, 'confirm');
      // A person must look first: what is set aside is neither confirmed nor asked for.
      if (payment.needs_review) throw new PaymentStateConflictError(payment_id, payment.status);
      const before = payment.status;
      const seq = 1 + (await this.attempts.list(payment_id)).length;
      await this.attempts.insert(payment, seq, request.payment_method);
      const waiting = { status: 'processing', last_error: null, next_reconcile_at: this.leaseEnd() } as const;
      Object.assign(payment, waiting, { reconcile_attempts: 0 });
      await this.steps.write(payment, before, { actor: 'api', actor_id: actor.id });
      const operation = await this.operations.insert(payment, 'confirm', request, { seq });
      await this.idempotency.advance('provider_asked', { payment_id, operation_id: operation.id });
      return { payment, operation };
    });
  }

  /**
   * A word to the provider about a payment that is there. It moves nothing here: the provider decides who was first.
   * @param check - sees the payment under its lock, and makes the request.
   * @throws {PaymentStateConflictError} it has no meaning in this state.
   */
  command(
    payment_id: string,
    command: Exclude<Command, 'confirm'>,
    check: (payment: Payment) => object,
  ): Promise<Intent> {
    return this.database.transaction(async () => {
      await this.idempotency.fence();
      const payment = await this.steps.getLocked(payment_id);
      assertPermitted(payment, command);
      const operation = await this.operations.insert(payment, command, check(payment));
      if (!payment.needs_review) await this.steps.schedule(payment, this.timings.payment_lease_ms);
      await this.idempotency.advance('provider_asked', { payment_id, operation_id: operation.id });
      return { payment, operation };
    });
  }

  /** The confirmation of a try, to be committed before it is sent; the one of an earlier run, where there is one. */
  confirmation(
    payment: Payment,
    seq: number,
    request: object,
  ): Promise<{ operation: ProviderOperation; again: boolean }> {
    return this.database.transaction(async () => {
      await this.idempotency.fence();
      const known = await this.operations.find(payment.id, 'confirm', seq);
      const operation = known ?? (await this.operations.insert(payment, 'confirm', request, { seq }));
      await this.idempotency.advance('provider_asked', { operation_id: operation.id });
      return { operation, again: known !== null };
    });
  }

  private async nameTheOther(error: unknown, { owner_id, reference }: Payment): Promise<never> {
    if (!(error instanceof ReferenceConflictError) || !reference) throw error;
    const other = await this.steps.findIdByReference(owner_id, reference);
    throw new ReferenceConflictError(undefined, { cause: error }, other ?? undefined);
  }

  private leaseEnd(): Date {
    return new Date(Date.now() + this.timings.payment_lease_ms);
  }
}

function assertPermitted({ id, status }: Payment, command: Command): void {
  const permission = PERMISSIONS[status][command];
  if (permission === 'attempt') throw new AttemptInProgressError();
  if (permission === 'no') throw new PaymentStateConflictError(id, status);
}

/** What no payment has when it begins. */
const UNTOUCHED = {
  provider_payment_id: null,
  amount_authorized: 0,
  amount_captured: 0,
  amount_refunded: 0,
  amount_refund_pending: 0,
  payment_method: null,
  cancellation_reason: null,
  last_error: null,
  sealed_action: null,
  key_id: null,
  next_action: null,
  dispute_status: null,
  needs_review: false,
  review_reason: null,
  capture_before: null,
  next_reconcile_at: null,
  reconcile_attempts: 0,
  version: 1,
  authorized_at: null,
  captured_at: null,
  canceled_at: null,
} satisfies Partial<Payment>;

function newPayment(
  { id: owner_id, tenant_id }: Principal,
  { confirm, amount, currency, capture_method, reference, description, metadata }: Order,
  provider: Payment['provider'],
  livemode: boolean,
): Payment {
  const now = new Date();
  return Object.assign(new Payment(), {
    ...UNTOUCHED,
    amount,
    currency,
    capture_method,
    reference,
    description,
    metadata,
    id: uuidv7(),
    tenant_id,
    owner_id,
    provider,
    livemode,
    status: confirm ? 'processing' : 'requires_confirmation',
    created_at: now,
    updated_at: now,
  } satisfies Payment);
}
