import { Injectable, Logger } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { Snapshots } from '../charges/snapshots.js';
import type { Mover } from '../charges/transition.entity.js';
import type { RefundSnapshot } from '../gateways/refund-snapshot.js';
import { IdempotencyKeys } from '../idempotency/idempotency-keys.js';
import type { Payment } from '../payment.entity.js';
import { Refund } from '../refunds/refund.entity.js';
import { RefundsRepository } from '../refunds/refunds.repository.js';
import { contradiction, refundable, standingAs, unreadable } from './refund-rules.js';
import { REFUND_TRANSITIONS, STANDINGS } from './refund-states.js';
import { RefundSteps } from './refund-steps.js';

/** Who brings a snapshot, and what was known when it was asked for. */
export interface RefundCause extends Mover {
  /** The refund's version before the provider was asked, null where there was none here. */
  readonly seen_version: number | null;
}

/** A refund of ours is at the provider under two names: no question to the provider mends that. */
export const MADE_TWICE = 'made_twice';

/** The provider tells of a refund that finds no room before something of ours has come to its end: to be heard again. */
export class RefundTooEarlyError extends Error {
  override readonly name = 'RefundTooEarlyError';
}

/**
 * The one place where a refund moves, as `Snapshots` is for payments: the API, webhooks and the reconciler bring what the
 * provider shows; whoever comes late or twice changes nothing.
 */
@Injectable()
export class RefundSnapshots {
  private readonly logger = new Logger(RefundSnapshots.name);

  constructor(
    private readonly database: Database,
    private readonly refunds: RefundsRepository,
    private readonly steps: RefundSteps,
    private readonly snapshots: Snapshots,
    private readonly idempotency: IdempotencyKeys,
    private readonly timings: Timings,
  ) {}

  /**
   * Follows the provider, where it is ahead and says what can be; a refund that was made there is taken in. Joins the
   * caller's transaction.
   * @returns null where it can be no refund of ours: then the payment was set aside for a person.
   * @throws {RefundTooEarlyError}
   * @throws {IdempotencyInProgressError} the request on whose behalf it came was overtaken.
   */
  applyRefund(payment_id: string, snapshot: RefundSnapshot, cause: RefundCause): Promise<Refund | null> {
    return this.locked(payment_id, async (payment) => {
      const refund = await this.refunds.findOf(payment, snapshot);
      return refund ? this.follow(payment, refund, snapshot, cause) : this.takeIn(payment, snapshot, cause);
    });
  }

  /** The provider will have none of it: no money goes back. */
  fail({ id, payment_id }: Refund, code: string, mover: Mover): Promise<Refund> {
    return this.locked(payment_id, async (payment) => {
      const refund = (await this.refunds.find(id))!;
      if (refund.status === 'pending' && refund.provider_refund_id === null) {
        await this.proceed(payment, refund, { status: 'failed', failure_code: code }, mover);
      }
      return refund;
    });
  }

  /** Sets it aside for a person. It is asked for no more. */
  setAside({ id, payment_id }: Refund, reason: string): Promise<Refund> {
    return this.locked(payment_id, async () => this.review((await this.refunds.find(id))!, reason));
  }

  /** The provider and we agree about it again: nobody need look any more. */
  agree({ id, payment_id }: Refund): Promise<Refund> {
    return this.locked(payment_id, async () => {
      const refund = (await this.refunds.find(id))!;
      const { status, failure_code, needs_review } = refund;
      if (!needs_review) return refund;
      Object.assign(refund, standingAs(status, failure_code, this.timings.reconcile_step_ms));
      Object.assign(refund, { needs_review: false, review_reason: null });
      await this.refunds.save(refund);
      return refund;
    });
  }

  /** Has the reconciler look at it soon. @returns the refund as it is by now: a webhook may have been faster. */
  async hasten(refund: Refund): Promise<Refund> {
    await this.refunds.schedule(refund.id, this.timings.reconcile_step_ms);
    return (await this.refunds.find(refund.id)) ?? refund;
  }

  private locked<T>(payment_id: string, work: (payment: Payment) => Promise<T>): Promise<T> {
    return this.database.transaction(async () => {
      await this.idempotency.fence();
      return work(await this.steps.getLocked(payment_id));
    });
  }

  private async follow(
    payment: Payment,
    refund: Refund,
    snapshot: RefundSnapshot,
    cause: RefundCause,
  ): Promise<Refund> {
    const fault = contradiction(payment, refund, snapshot);
    if (fault) return this.review(refund, fault);
    const status = snapshot.status!;
    const isNamed = refund.provider_refund_id !== null;
    refund.provider_refund_id = snapshot.provider_refund_id;
    const verdict = REFUND_TRANSITIONS[refund.status][status];
    if (verdict === 'conflict' && (!isNamed || cause.seen_version === refund.version)) {
      return this.review(refund, `provider_says_${status}`);
    }
    if (verdict === 'follow') await this.proceed(payment, refund, snapshot, cause);
    else if (!isNamed) await this.bind(refund);
    return refund;
  }

  private async proceed(
    payment: Payment,
    refund: Refund,
    { status, failure_code }: Pick<RefundSnapshot, 'status' | 'failure_code'>,
    mover: Mover,
  ): Promise<void> {
    const before = refund.status;
    Object.assign(refund, standingAs(status!, failure_code, this.timings.reconcile_step_ms));
    await this.steps.write(payment, refund, before, mover);
  }

  /** The provider has named it, and works on it. */
  private async bind(refund: Refund): Promise<void> {
    Object.assign(refund, standingAs(refund.status, refund.failure_code, this.timings.reconcile_step_ms));
    await this.refunds.save(refund);
  }

  /** Somebody has made it at the provider. */
  private async takeIn(payment: Payment, snapshot: RefundSnapshot, cause: RefundCause): Promise<Refund | null> {
    const fault = unreadable(payment, snapshot);
    if (fault) return this.setPaymentAside(payment, `refund_${fault}`);
    const counts = STANDINGS[snapshot.status!] !== 'nowhere';
    if (counts && snapshot.amount! > refundable(payment)) {
      // What we want ourselves stands in its way; the provider will refuse one or the other.
      const waits = payment.amount_captured === 0 || (await this.refunds.isAnyUnnamed(payment.id));
      if (waits) throw new RefundTooEarlyError();
      return this.setPaymentAside(payment, 'refunded_beyond_captured');
    }
    const refund = this.imported(payment, snapshot);
    // Ours, under a name of the provider's that is not the one which we know: made there twice.
    const isDoubled = snapshot.refund_id !== null && (await this.refunds.find(snapshot.refund_id)) !== null;
    await this.steps.begin(payment, refund, cause);
    if (refund.status !== snapshot.status) await this.proceed(payment, refund, snapshot, cause);
    return isDoubled ? this.review(refund, MADE_TWICE) : refund;
  }

  /** Begins where every refund begins, unless it has come to nothing already. */
  private imported(payment: Payment, snapshot: RefundSnapshot): Refund {
    const status = STANDINGS[snapshot.status!] === 'nowhere' ? snapshot.status! : 'pending';
    return newRefund(payment, {
      ...standingAs(status, snapshot.failure_code, this.timings.reconcile_step_ms),
      provider_refund_id: snapshot.provider_refund_id,
      amount: snapshot.amount!,
      reason: snapshot.reason,
      origin: 'provider',
      metadata: {},
    });
  }

  private async review(refund: Refund, reason: string): Promise<Refund> {
    if (refund.needs_review) return refund;
    Object.assign(refund, { needs_review: true, review_reason: reason, next_reconcile_at: null });
    await this.refunds.save(refund);
    this.logger.error({ msg: `A refund needs review: ${reason}`, refund_id: refund.id, payment_id: refund.payment_id });
    return refund;
  }

  private async setPaymentAside({ id }: Payment, reason: string): Promise<null> {
    await this.snapshots.setAside(id, reason);
    return null;
  }
}

type Given = Pick<
  Refund,
  'status' | 'provider_refund_id' | 'amount' | 'reason' | 'origin' | 'metadata' | 'next_reconcile_at'
> &
  Partial<Refund>;

/** A refund of a payment that is not written down yet. */
export function newRefund({ id: payment_id, tenant_id, currency, provider }: Payment, given: Given): Refund {
  const now = new Date();
  return Object.assign(new Refund(), {
    failure_code: null,
    needs_review: false,
    review_reason: null,
    reconcile_attempts: 0,
    version: 1,
    ...given,
    id: uuidv7(),
    tenant_id,
    payment_id,
    currency,
    provider,
    created_at: now,
    updated_at: now,
  } satisfies Refund);
}
