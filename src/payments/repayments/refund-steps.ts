import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { Outbox } from '../../database/outbox.js';
import type { Mover } from '../charges/transition.entity.js';
import type { RefundStatus } from '../gateways/refund-snapshot.js';
import { LedgerRepository } from '../ledger/ledger.repository.js';
import { factOf, type RefundEvent } from '../payment-events.js';
import type { Payment } from '../payment.entity.js';
import { PaymentNotFoundError } from '../payments.errors.js';
import { PaymentsRepository } from '../payments.repository.js';
import type { Refund } from '../refunds/refund.entity.js';
import { RefundResponse } from '../refunds/refunds.dto.js';
import { RefundsRepository } from '../refunds/refunds.repository.js';
import { move } from './refund-rules.js';
import { REFUND_POSTINGS, STANDINGS } from './refund-states.js';

/**
 * What belongs to each step of a refund: its row, the step itself, the payment's sums, the posting and the fact, in one
 * transaction. The payment's status and version stay what they are: a refund has a version of its own.
 */
@Injectable()
export class RefundSteps {
  constructor(
    private readonly payments: PaymentsRepository,
    private readonly refunds: RefundsRepository,
    private readonly ledger: LedgerRepository,
    private readonly outbox: Outbox,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** @throws {PaymentNotFoundError} */
  async getLocked(payment_id: string): Promise<Payment> {
    const payment = await this.payments.lock(payment_id);
    if (!payment) throw new PaymentNotFoundError(payment_id);
    return payment;
  }

  findRefund(id: string): Promise<Refund | null> {
    return this.refunds.find(id);
  }

  /**
   * The first: the refund's row is new. The caller holds the payment's lock.
   * @throws {RefundExceedsCapturedError} the database sees more going back than was taken.
   */
  async begin(payment: Payment, refund: Refund, mover: Mover): Promise<void> {
    refund.version = 1;
    move(payment, refund.amount, 'nowhere', STANDINGS[refund.status]);
    await this.payments.save(payment);
    await this.refunds.insert(refund);
    await this.note(payment, refund, null, mover);
  }

  /** Any other: the caller holds the payment's lock and has changed the refund. */
  async write(payment: Payment, refund: Refund, before: RefundStatus, mover: Mover): Promise<void> {
    refund.version += 1;
    move(payment, refund.amount, STANDINGS[before], STANDINGS[refund.status]);
    await this.payments.save(payment);
    await this.refunds.save(refund);
    await this.note(payment, refund, before, mover);
    await this.checkpoints.reach('refund.applying');
  }

  private async note(payment: Payment, refund: Refund, before: RefundStatus | null, mover: Mover): Promise<void> {
    await this.refunds.step(refund, before, mover);
    const event = REFUND_POSTINGS[before ? STANDINGS[before] : 'nowhere'][STANDINGS[refund.status]];
    if (event) {
      const { id, tenant_id, payment_id, amount, currency } = refund;
      await this.ledger.post({ tenant_id, event, source: { type: 'refund', id }, payment_id, amount, currency });
    }
    await this.outbox.add(factOf(payment, refund, { type: typeOf(refund, before), data: RefundResponse.from(refund) }));
  }
}

function typeOf({ status }: Refund, before: RefundStatus | null): RefundEvent['type'] {
  if (before === null) return 'refund.created';
  return status === 'succeeded' || status === 'failed' ? `refund.${status}` : 'refund.updated';
}
