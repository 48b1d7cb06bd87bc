import { Injectable, Logger } from '@nestjs/common';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { IdempotencyKeys } from '../idempotency/idempotency-keys.js';
import type { PaymentSnapshot } from '../gateways/payment.gateway.js';
import { TRANSITIONS } from '../payment-states.js';
import type { LastError, Payment } from '../payment.entity.js';
import { PaymentNotFoundError } from '../payments.errors.js';
import { PaymentsRepository } from '../payments.repository.js';
import { AttemptsRepository } from './attempts.repository.js';
import { contradiction, followSnapshot, newsOf, refused, type News } from './snapshot-rules.js';
import { Steps } from './steps.js';
import type { PaymentAttempt } from './attempt.entity.js';
import type { Mover } from './transition.entity.js';

/** Who brings a snapshot, and what was known when it was asked for. */
export interface Cause extends Mover {
  /** The payment's version before the provider was asked: if it has grown since, the snapshot may be older news. */
  readonly seen_version: number;
  /** Of the try whose confirmation the provider has answered by it. */
  readonly seq?: number;
}

/**
 * The one place where a payment moves. The API, webhooks and the reconciler fetch the provider's object and bring it here;
 * whoever comes late or twice changes nothing.
 */
@Injectable()
export class Snapshots {
  private readonly logger = new Logger(Snapshots.name);

  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly steps: Steps,
    private readonly idempotency: IdempotencyKeys,
    private readonly timings: Timings,
  ) {}

  /**
   * Follows the provider, where it is ahead and says what can be. Joins the caller's transaction.
   * @throws {IdempotencyInProgressError} the request on whose behalf it came was overtaken.
   */
  applySnapshot(payment_id: string, snapshot: PaymentSnapshot, cause: Cause): Promise<Payment> {
    return this.locked(payment_id, async (payment) => {
      const fault = contradiction(payment, snapshot);
      if (fault) return this.review(payment, fault);
      const bound = payment.provider_payment_id === null;
      payment.provider_payment_id = snapshot.provider_payment_id;
      const news = newsOf(await this.attempts.list(payment_id), snapshot, cause.seq);
      const verdict = news.stale ? 'ignore' : TRANSITIONS[payment.status][snapshot.status!];
      if (verdict === 'conflict' && cause.seen_version === payment.version) {
        return this.review(payment, `provider_says_${snapshot.status}`);
      }
      if (verdict === 'follow') await this.follow(payment, snapshot, news, cause);
      else if (bound) await this.bind(payment);
      return payment;
    });
  }

  /** The provider refused to try at all: the try is over, and the payment waits for another method. */
  refuseAttempt(payment_id: string, seq: number, error: LastError, cause: Cause): Promise<Payment> {
    return this.locked(payment_id, async (payment) => {
      const attempt = (await this.attempts.list(payment_id)).find((one) => one.seq === seq);
      if (payment.status !== 'processing' || !attempt || attempt.finished_at) return payment;
      const before = payment.status;
      Object.assign(payment, refused(error));
      await this.close(attempt, 'declined', error);
      await this.steps.write(payment, before, cause);
      return payment;
    });
  }

  /** Nothing of it is at the provider, and nobody waits for it: it ends here. */
  abandon(payment_id: string, cause: Cause): Promise<Payment> {
    return this.locked(payment_id, async (payment) => {
      if (payment.provider_payment_id || payment.status === 'canceled') return payment;
      const before = payment.status;
      const open = (await this.attempts.list(payment_id)).find(({ finished_at }) => !finished_at);
      if (open) await this.close(open, 'canceled', null);
      Object.assign(payment, {
        status: 'canceled',
        canceled_at: new Date(),
        cancellation_reason: 'abandoned',
        next_reconcile_at: null,
      } satisfies Partial<Payment>);
      await this.steps.write(payment, before, cause);
      return payment;
    });
  }

  /** Sets it aside for a person. It is asked for no more. */
  setAside(payment_id: string, reason: string): Promise<Payment> {
    return this.locked(payment_id, (payment) => this.review(payment, reason));
  }

  /** What it was set aside for is no longer so: it goes on where it stood. */
  agree(payment_id: string): Promise<Payment> {
    return this.locked(payment_id, async (payment) => {
      if (!payment.needs_review) return payment;
      const waits = ['processing', 'requires_action', 'requires_capture'].includes(payment.status);
      const next_reconcile_at = waits ? new Date(Date.now() + this.timings.reconcile_step_ms) : null;
      Object.assign(payment, { needs_review: false, review_reason: null, next_reconcile_at, reconcile_attempts: 0 });
      await this.payments.save(payment);
      return payment;
    });
  }

  /** Has the reconciler look at it soon. */
  hasten(payment_id: string): Promise<void> {
    return this.payments.schedule(payment_id, this.timings.reconcile_step_ms);
  }

  private locked(payment_id: string, work: (payment: Payment) => Promise<Payment>): Promise<Payment> {
    return this.database.transaction(async () => {
      await this.idempotency.fence();
      const payment = await this.payments.lock(payment_id);
      if (!payment) throw new PaymentNotFoundError(payment_id);
      return work(payment);
    });
  }

  private async follow(payment: Payment, snapshot: PaymentSnapshot, news: News, cause: Cause): Promise<void> {
    const before = payment.status;
    Object.assign(payment, followSnapshot(payment, snapshot, this.timings.reconcile_step_ms));
    if (news.overtaken) await this.close(news.overtaken, 'declined', null);
    if (news.former) await this.attempts.save(Object.assign(news.former, { provider_attempt_id: null }));
    const seq = news.next_seq;
    const attempt =
      news.attempt ?? (seq ? await this.attempts.insert(payment, seq, snapshot.payment_method?.id ?? null) : null);
    if (attempt && !attempt.finished_at) {
      attempt.provider_attempt_id = snapshot.attempt_id;
      await this.close(attempt, attemptStatusOf(payment), payment.last_error);
    }
    await this.steps.write(payment, before, cause);
  }

  private async close(
    attempt: PaymentAttempt,
    status: PaymentAttempt['status'],
    error: LastError | null,
  ): Promise<void> {
    const ended = status === 'succeeded' || status === 'declined' || status === 'canceled';
    Object.assign(attempt, {
      status,
      finished_at: ended ? new Date() : null,
      error_code: error?.code ?? null,
      decline_code: error?.decline_code ?? null,
    } satisfies Partial<PaymentAttempt>);
    await this.attempts.save(attempt);
  }

  /** The provider has named it; a payment that waits for its client needs no more looking after. */
  private async bind(payment: Payment): Promise<void> {
    if (payment.status === 'requires_confirmation') payment.next_reconcile_at = null;
    await this.payments.save(payment);
  }

  private async review(payment: Payment, reason: string): Promise<Payment> {
    if (payment.needs_review) return payment;
    Object.assign(payment, { needs_review: true, review_reason: reason, next_reconcile_at: null });
    await this.payments.save(payment);
    this.logger.error({ msg: `A payment needs review: ${reason}`, payment_id: payment.id });
    return payment;
  }
}

/** How the try stands when its payment stands so. */
function attemptStatusOf({ status }: Payment): PaymentAttempt['status'] {
  if (status === 'requires_capture') return 'authorized';
  if (status === 'requires_payment_method' || status === 'requires_confirmation') return 'declined';
  return status;
}
