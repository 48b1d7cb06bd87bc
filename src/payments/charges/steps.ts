import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { Outbox } from '../../database/outbox.js';
import { LedgerRepository } from '../ledger/ledger.repository.js';
import type { PaymentStatus } from '../payment-states.js';
import type { Payment } from '../payment.entity.js';
import { factOf } from '../payment-events.js';
import { PaymentResponse } from '../payments.dto.js';
import { PaymentNotFoundError } from '../payments.errors.js';
import { PaymentsRepository } from '../payments.repository.js';
import { AttemptsRepository } from './attempts.repository.js';
import type { Mover } from './transition.entity.js';

/** What belongs to each step of a payment: the row, the step itself, the posting and the fact, in one transaction. */
@Injectable()
export class Steps {
  constructor(
    private readonly payments: PaymentsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly ledger: LedgerRepository,
    private readonly outbox: Outbox,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** The first: the payment's row is new. Joins the caller's transaction. */
  async begin(payment: Payment, mover: Mover): Promise<void> {
    payment.version = 1;
    await this.payments.insert(payment);
    await this.attempts.step(payment, null, mover);
    await this.outbox.add(factOf(payment, payment, { type: 'payment.created', data: PaymentResponse.from(payment) }));
  }

  /** Any other: the caller holds the lock and has changed the payment. Joins the caller's transaction. */
  async write(payment: Payment, before: PaymentStatus, mover: Mover): Promise<void> {
    payment.version += 1;
    await this.payments.save(payment);
    await this.attempts.step(payment, before, mover);
    if (payment.status === 'succeeded') await this.post(payment);
    await this.outbox.add(
      factOf(payment, payment, { type: `payment.${payment.status}`, data: PaymentResponse.from(payment) }),
    );
    await this.checkpoints.reach('payment.applying');
  }

  /** @throws {PaymentNotFoundError} */
  async getLocked(payment_id: string): Promise<Payment> {
    const payment = await this.payments.lock(payment_id);
    if (!payment) throw new PaymentNotFoundError(payment_id);
    return payment;
  }

  /** Has the reconciler look at it then, unless it has ended. */
  async schedule({ id }: Payment, wait_ms: number): Promise<void> {
    await this.payments.schedule(id, wait_ms);
  }

  findIdByReference(owner_id: string, reference: string): Promise<string | null> {
    return this.payments.findIdByReference(owner_id, reference);
  }

  private async post({ id, tenant_id, amount_captured: amount, currency }: Payment): Promise<void> {
    const source = { type: 'payment', id } as const;
    await this.ledger.post({ tenant_id, event: 'captured', source, payment_id: id, amount, currency });
  }
}
