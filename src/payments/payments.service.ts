import { Injectable, Logger } from '@nestjs/common';
import type { Principal } from '../common/access.js';
import { requestContext } from '../common/request-context.js';
import { PaymentError, ServiceError, UnavailableError, ValidationError } from '../common/service-error.js';
import { Timings } from '../config/timings.js';
import { Database } from '../database/database.js';
import { assertNoCardData } from './charges/card-data.js';
import { Charges } from './charges/charges.js';
import { Intents, type Order } from './charges/intents.js';
import type { ProviderOperation } from './gateways/provider-operation.entity.js';
import { IdempotencyKeys } from './idempotency/idempotency-keys.js';
import { assertPayable } from './money/money-rules.js';
import type { Payment } from './payment.entity.js';
import type { PaymentCancel, PaymentCapture, PaymentConfirm, PaymentCreate } from './payments.dto.js';
import { CaptureExceedsAuthorizedError, declineOf } from './payments.errors.js';
import { PaymentReader } from './payment-reader.js';

/** What became of a payment: how it stands. */
export type PaymentResult = Payment;

/** The rules for taking money. */
@Injectable()
export class PaymentsService {
  private readonly logger = new Logger(PaymentsService.name);

  constructor(
    private readonly database: Database,
    private readonly reader: PaymentReader,
    private readonly intents: Intents,
    private readonly charges: Charges,
    private readonly idempotency: IdempotencyKeys,
    private readonly timings: Timings,
  ) {}

  /**
   * Process a payment transaction.
   * @param actor - who owns the payment.
   * @param request - `amount` in the minor unit of `currency` (an ISO 4217 code such as `USD`, in any case), and the id of
   *   the `payment_method`; the other fields are optional.
   * @returns how the payment stands: `succeeded`, or what it waits for. A provider that has not answered within
   *   `payment_answer_ms` leaves it `processing`; the rest is done behind the answer.
   * @throws {ValidationError} the amount is zero or negative, or the currency is no currency code.
   * @throws {UnprocessableError} the currency is not taken, or the amount cannot be paid in it.
   * @throws {PaymentError} the provider declined: `CardDeclinedError` and its like.
   * @throws {ReferenceConflictError} another payment of the owner has this reference.
   * @throws {ProviderUnavailableError} the provider was not reached before any money could move.
   * @throws {ProviderMisconfiguredError} nobody takes money here.
   * @example
   * const result = await payments.create(actor, { amount: 9999, currency: 'USD', payment_method: 'pm_sim_success' });
   * result.status; // 'succeeded'
   */
  create(
    actor: Principal,
    request: Pick<PaymentCreate, 'amount' | 'currency'> & Partial<PaymentCreate>,
  ): Promise<PaymentResult> {
    const deadline = this.deadline();
    return this.processing(async () => {
      const order = orderOf(request);
      const config = this.charges.assertTakesMoney();
      assertNoCardData(request);
      assertPayable(config.provider, order.amount, order.currency);
      const begun = (await this.begun(actor)) ?? (await this.intents.create(actor, order, config));
      const payment = await this.charges.create(begun, deadline);
      return order.confirm ? this.goOn(payment, 1, request, deadline) : payment;
    });
  }

  /**
   * Tries to get the money, with this payment method.
   * @throws {PaymentNotFoundError} no such payment of the actor.
   * @throws {AttemptInProgressError} a try is under way.
   * @throws {PaymentStateConflictError} the payment has ended, waits to be captured, or is set aside for a person.
   * @throws {PaymentError} the provider declined.
   * @throws {ProviderMisconfiguredError} nobody takes money here, or the payment is another provider's.
   */
  confirm(actor: Principal, id: string, request: PaymentConfirm): Promise<PaymentResult> {
    const deadline = this.deadline();
    return this.processing(async () => {
      this.charges.assertTakesMoney();
      assertNoCardData(request);
      const seen = await this.reader.getOwn(actor, id);
      const known = await this.intents.resumed();
      if (!known) this.charges.assertKnows(seen);
      const begun = known
        ? { payment: seen, operation: known }
        : await this.intents.retry(actor, id, confirmationOf(request));
      const payment = await this.charges.create(begun.payment, deadline);
      return this.goOn(payment, begun.operation.seq, request, deadline, known ? undefined : begun.operation);
    });
  }

  /**
   * Takes what was authorized, or a part of it, once.
   * @param request - `amount` in the minor unit; all of it unless told.
   * @throws {PaymentNotFoundError} no such payment within the actor's reach.
   * @throws {CaptureExceedsAuthorizedError} more than was authorized.
   * @throws {PaymentStateConflictError} it waits for no capture, or somebody else was first.
   * @throws {ProviderMisconfiguredError} nobody takes money here, or the payment is another provider's.
   */
  capture(actor: Principal, id: string, { amount }: PaymentCapture): Promise<PaymentResult> {
    return this.command(actor, id, 'capture', (payment) => {
      const captured = amount ?? payment.amount_authorized;
      if (captured > payment.amount_authorized) throw new CaptureExceedsAuthorizedError();
      assertPayable(payment.provider, captured, payment.currency);
      return { amount: captured };
    });
  }

  /**
   * Ends a payment that has taken no money.
   * @throws {PaymentNotFoundError} no such payment of the actor.
   * @throws {PaymentStateConflictError} it has taken money or ended, or the provider is in the middle of it.
   * @throws {ProviderMisconfiguredError} nobody takes money here, or the payment is another provider's.
   */
  async cancel(
    actor: Principal,
    id: string,
    { reason = 'requested_by_customer' }: PaymentCancel,
  ): Promise<PaymentResult> {
    this.charges.assertTakesMoney();
    await this.reader.getOwn(actor, id);
    return this.command(actor, id, 'cancel', () => ({ reason }));
  }

  private command(
    actor: Principal,
    id: string,
    command: 'capture' | 'cancel',
    check: (payment: Payment) => object,
  ): Promise<Payment> {
    const deadline = this.deadline();
    return this.processing(async () => {
      this.charges.assertTakesMoney();
      const seen = await this.reader.get(actor, id);
      return this.database.asTenant(seen.tenant_id, async () => {
        const known = await this.intents.resumed();
        if (known) return this.charges.command(seen, known, deadline, true);
        this.charges.assertKnows(seen);
        const { payment, operation } = await this.intents.command(id, command, check);
        return this.charges.command(payment, operation, deadline, false);
      });
    });
  }

  /** Confirms a try that nobody has finished yet, and tells how it ended. */
  private async goOn(
    payment: Payment,
    seq: number,
    request: Partial<PaymentConfirm>,
    deadline: number,
    fresh?: ProviderOperation,
  ): Promise<Payment> {
    const isKnown = !fresh && this.idempotency.isRepeated();
    let result = isKnown ? await this.charges.unlessRefused(payment, 'confirm', seq) : payment;
    if (payment.status === 'processing' && !payment.needs_review) {
      const { operation, again } = fresh
        ? { operation: fresh, again: false }
        : await this.intents.confirmation(payment, seq, confirmationOf(request));
      result = await this.charges.confirm(payment, { operation, again, seq }, deadline);
    }
    const { id, status, last_error } = result;
    if (status !== 'requires_payment_method' || !last_error) return result;
    const { code, decline_code, message } = last_error;
    const Decline = declineOf(code);
    throw new Decline(message ?? undefined, { payment_id: id, decline_code });
  }

  /** What an earlier run with the same key has made. */
  private async begun(actor: Principal): Promise<Payment | null> {
    const id = this.idempotency.current()?.payment_id;
    return id ? this.reader.getOwn(actor, id) : null;
  }

  private deadline(): number {
    return Date.now() + this.timings.payment_answer_ms;
  }

  /** Tells the log of what failed: by its code, with the ids, and with nothing that could be paid with. */
  private async processing(work: () => Promise<Payment>): Promise<Payment> {
    try {
      return await work();
    } catch (error) {
      const expected = error instanceof ServiceError;
      if (!expected || error instanceof PaymentError || error instanceof UnavailableError) {
        const code = expected ? error.code : 'internal_error';
        const payment_id = this.idempotency.current()?.payment_id ?? null;
        const { request_id = null } = requestContext() ?? {};
        this.logger.error(
          { msg: `Failed to process payment: ${code}`, payment_id, request_id },
          (error as Error).stack,
        );
      }
      throw error;
    }
  }
}

/** @throws {ValidationError} it is to be confirmed, and says not by what. */
function orderOf(request: Partial<PaymentCreate> & Pick<PaymentCreate, 'amount' | 'currency'>): Order {
  const { confirm = true, payment_method = null } = request;
  if (confirm && payment_method === null) {
    const message = 'is required to confirm the payment';
    throw new ValidationError([{ pointer: '#/payment_method', code: 'required', message }]);
  }
  return {
    amount: request.amount,
    currency: request.currency.toUpperCase(),
    capture_method: request.capture_method ?? 'automatic',
    payment_method,
    confirm,
    reference: request.reference ?? null,
    description: request.description ?? null,
    metadata: request.metadata ?? {},
  };
}

const confirmationOf = ({ payment_method = '', return_url }: Partial<PaymentConfirm>): PaymentConfirm & object => ({
  payment_method,
  ...(return_url !== undefined && { return_url }),
});
