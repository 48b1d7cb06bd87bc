import { Injectable } from '@nestjs/common';
import { problemOf } from '../../common/problem.js';
import type { ServiceError } from '../../common/service-error.js';
import { refusedAs } from '../charges/refusals.js';
import type { ProviderOperation } from '../gateways/provider-operation.entity.js';
import { ProviderOperationsRepository } from '../gateways/provider-operations.repository.js';
import type { IdempotencyKey } from '../idempotency/idempotency-key.entity.js';
import type { Answer } from '../idempotency/idempotency-keys.js';
import { RequestAbandonedError } from '../idempotency/idempotency.errors.js';
import type { Payment } from '../payment.entity.js';
import { PaymentResponse } from '../payments.dto.js';
import { declineOf } from '../payments.errors.js';
import { PaymentsRepository } from '../payments.repository.js';
import { refusalOf } from '../repayments/refusals.js';
import { RefundResponse } from '../refunds/refunds.dto.js';
import { RefundsRepository } from '../refunds/refunds.repository.js';

/** What a request that was interrupted would have been answered. Joins the caller's scope, which must see all tenants. */
@Injectable()
export class LateAnswers {
  constructor(
    private readonly payments: PaymentsRepository,
    private readonly refunds: RefundsRepository,
    private readonly operations: ProviderOperationsRepository,
  ) {}

  /**
   * @param now - whether there must be an answer, even if that is that nobody knows.
   * @returns null while the reconciler has it in hand: its end will be the answer.
   */
  async find(key: IdempotencyKey, now: boolean): Promise<Answer | null> {
    const payment = key.payment_id ? await this.payments.find(key.payment_id) : null;
    const operation = key.operation_id ? await this.operations.findById(key.operation_id) : null;
    if (payment && operation?.operation === 'refund') return this.ofRefund(key, payment, operation, now);
    const refusal = payment && (await this.refusalOf(payment, operation));
    if (refusal) return problem(key, refusal);
    if (payment && isOpen(payment) && !payment.needs_review && !now) return null;
    return this.ofPayment(key, payment, operation);
  }

  /** Before anything is asked of a payment it is made, whether it is for the request that orders it or for a later one. */
  private async refusalOf(payment: Payment, operation: ProviderOperation | null): Promise<ServiceError | null> {
    const refusal = refusedAs(operation, payment);
    const isMade = operation?.operation === 'capture' || operation?.operation === 'cancel';
    return refusal ?? (isMade ? null : refusedAs(await this.operations.find(payment.id, 'create', 1), payment));
  }

  private ofPayment(key: IdempotencyKey, payment: Payment | null, operation: ProviderOperation | null): Answer {
    const asked = operation?.operation ?? 'create';
    const canceled = payment?.status === 'canceled';
    const done = asked === 'capture' ? payment?.status === 'succeeded' : asked === 'cancel' ? canceled : !canceled;
    if (!payment || !done || isUnmade(payment)) return problem(key, new RequestAbandonedError(key.payment_id));
    const { id, last_error, status } = payment;
    if (status === 'requires_payment_method' && last_error) {
      const { code, decline_code, message } = last_error;
      return problem(key, new (declineOf(code))(message ?? undefined, { payment_id: id, decline_code }));
    }
    return success(key, PaymentResponse.from(payment), `/api/v1/payments/${id}`);
  }

  private async ofRefund(
    key: IdempotencyKey,
    payment: Payment,
    { refund_id }: ProviderOperation,
    now: boolean,
  ): Promise<Answer | null> {
    const refund = refund_id === null ? null : await this.refunds.find(refund_id);
    if (!refund) return problem(key, new RequestAbandonedError(key.payment_id));
    const isUnheardOf = refund.status === 'pending' && refund.provider_refund_id === null;
    if (isUnheardOf && !refund.needs_review && !now) return null;
    const refusal = refusalOf(payment, refund);
    return refusal ? problem(key, refusal) : success(key, RefundResponse.from(refund), `/api/v1/refunds/${refund.id}`);
  }
}

/** Nobody knows whether the provider has it: it is bound yet, or canceled. */
const isUnmade = ({ provider_payment_id, status }: Payment): boolean =>
  provider_payment_id === null && status !== 'canceled';

/** Its end is near: the reconciler has it in hand. */
const isOpen = (payment: Payment): boolean => payment.status === 'processing' || isUnmade(payment);

function success({ success_status: status }: IdempotencyKey, body: object, location: string): Answer {
  const headers = { 'content-type': 'application/json; charset=utf-8', ...(status === 201 && { location }) };
  return { status, headers, body: Buffer.from(JSON.stringify(body)) };
}

function problem({ request_id, request_path }: IdempotencyKey, error: ServiceError): Answer {
  const { status, headers, body } = problemOf(error, { id: request_id, url: request_path });
  return { status, body, headers: { 'content-type': headers['content-type']! } };
}
