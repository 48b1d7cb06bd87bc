import { Injectable } from '@nestjs/common';
import { Outbox } from '../../database/outbox.js';
import type { Mover } from '../charges/transition.entity.js';
import { LedgerRepository } from '../ledger/ledger.repository.js';
import { factOf, type DisputeEvent } from '../payment-events.js';
import type { Payment } from '../payment.entity.js';
import { PaymentsRepository } from '../payments.repository.js';
import { DISPUTE_POSTINGS, placeOf, type Place } from './dispute-states.js';
import type { Dispute } from './dispute.entity.js';
import { DisputeResponse } from './disputes.dto.js';
import { DisputesRepository } from './disputes.repository.js';

/** What belongs to each step of a dispute: its row, the step itself, the payment's word for it, postings and fact. */
@Injectable()
export class DisputeSteps {
  constructor(
    private readonly payments: PaymentsRepository,
    private readonly disputes: DisputesRepository,
    private readonly ledger: LedgerRepository,
    private readonly outbox: Outbox,
  ) {}

  /** The first: the dispute's row is new. The caller holds the payment's lock. */
  async begin(payment: Payment, dispute: Dispute, mover: Mover): Promise<void> {
    dispute.version = 1;
    await this.disputes.insert(dispute);
    await this.note(payment, dispute, { status: null, place: 'ours' }, mover);
    await this.tell(payment, dispute, 'dispute.opened');
  }

  /** Any other: the caller holds the payment's lock and has changed the dispute. */
  async write(
    payment: Payment,
    dispute: Dispute,
    before: { readonly status: string; readonly place: Place },
    mover: Mover,
  ): Promise<void> {
    dispute.version += 1;
    await this.disputes.save(dispute);
    await this.note(payment, dispute, before, mover);
    await this.tell(payment, dispute, dispute.closed ? 'dispute.closed' : 'dispute.updated');
  }

  private async note(
    payment: Payment,
    dispute: Dispute,
    before: { readonly status: string | null; readonly place: Place },
    mover: Mover,
  ): Promise<void> {
    await this.disputes.step(dispute, before.status, mover);
    const { id, tenant_id, payment_id, amount, currency } = dispute;
    for (const event of DISPUTE_POSTINGS[before.place][placeOf(dispute)] ?? []) {
      await this.ledger.post({ tenant_id, event, source: { type: 'dispute', id }, payment_id, amount, currency });
    }
    payment.dispute_status = await this.disputes.statusOf(payment.id);
    await this.payments.save(payment);
  }

  private async tell(payment: Payment, dispute: Dispute, type: DisputeEvent['type']): Promise<void> {
    await this.outbox.add(factOf(payment, dispute, { type, data: DisputeResponse.from(dispute) }));
  }
}
