import { Injectable } from '@nestjs/common';
import { PaymentGateway } from '../gateways/payment.gateway.js';
import type { Payment } from '../payment.entity.js';
import { ReconcilerDesk } from '../recovery/reconciler-desk.js';
import { isOverRepayment } from '../reconciliation/review-kinds.js';
import { ComparesWithProvider, type SweepRound } from '../reconciliation/sweep.js';
import { DisputeExamination } from './dispute-examination.js';
import { PaymentExamination } from './payment-examination.js';
import { ReconciledRepaymentsRepository } from './reconciled-repayments.repository.js';
import { RefundExamination } from './refund-examination.js';
import { orNull, type Examination, type Kinds } from './repayment-examination.js';

const BATCH = 100;

/** For how long the provider is waited for: asked for before each question. */
type Patience = () => AbortSignal | Promise<AbortSignal>;

/** All that has gone back of one payment, ours and the provider's, however long ago. */
@Injectable()
export class PaymentRepayments {
  constructor(
    private readonly rows: ReconciledRepaymentsRepository,
    private readonly gateway: PaymentGateway,
    private readonly refunds: RefundExamination,
    private readonly disputes: DisputeExamination,
    private readonly payments: PaymentExamination,
    private readonly desk: ReconcilerDesk,
  ) {}

  /**
   * Looks again at what was set aside over a refund or a dispute that finds no place in our books: such a one has no row
   * here to be found by, and the provider's lists forget it.
   * @throws {ProviderUnknownError} the provider is away.
   */
  @ComparesWithProvider({})
  async compare({ beat, signal }: SweepRound): Promise<void> {
    const patience = async () => {
      await beat();
      return AbortSignal.any([signal, AbortSignal.timeout(this.desk.deadline() - Date.now())]);
    };
    let after: string | null = null;
    for (;;) {
      const page: Payment[] = await this.rows.setAside(this.gateway.config, after, BATCH);
      for (const payment of page) {
        if (isOverRepayment(payment.review_reason)) await this.compareOf(payment, patience);
      }
      after = page.at(-1)?.id ?? null;
      if (page.length < BATCH) return;
    }
  }

  /**
   * What is late is followed; where the payment was set aside over one of them, and none is in the way any more, it goes on.
   * @throws {ProviderUnknownError}
   */
  async compareOf(payment: Payment, patience: Patience): Promise<void> {
    if (payment.provider_payment_id === null) return;
    const refunds = await this.examineAll(this.refunds, payment.id, payment.provider_payment_id, patience);
    const disputes = await this.examineAll(this.disputes, payment.id, payment.provider_payment_id, patience);
    if (refunds && disputes) await this.payments.release(payment, this.desk.deadline());
  }

  /** @returns whether each of them is where it belongs. */
  private async examineAll<Kind extends keyof Kinds>(
    of: Examination<Kind>,
    payment_id: string,
    provider_payment_id: string,
    patience: Patience,
  ): Promise<boolean> {
    const listed = await orNull(of.listOf(provider_payment_id, await patience()));
    const theirs = (listed ?? []).map((snapshot) => of.nameOf(snapshot)!);
    const ours = await this.rows.namesOf(of.object_type, payment_id);
    let isInPlace = listed !== null;
    for (const name of new Set([...theirs, ...ours])) {
      if (!(await of.examine(name, await patience()))) isInPlace = false;
    }
    return isInPlace;
  }
}
