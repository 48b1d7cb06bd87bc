import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/access.js';
import { ProviderCalls } from '../gateways/provider-calls.js';
import { PaymentReader } from '../payment-reader.js';
import type { Payment } from '../payment.entity.js';
import { ProviderUnavailableError } from '../payments.errors.js';
import { ReconcilerDesk } from '../recovery/reconciler-desk.js';
import { PaymentExamination } from './payment-examination.js';
import { PaymentRepayments } from './payment-repayments.js';

/** One payment is laid beside the provider's now, because somebody wants to know. */
@Injectable()
export class PaymentSync {
  constructor(
    private readonly reader: PaymentReader,
    private readonly calls: ProviderCalls,
    private readonly examination: PaymentExamination,
    private readonly repayments: PaymentRepayments,
    private readonly desk: ReconcilerDesk,
  ) {}

  /**
   * Asks the provider how a payment stands, and its refunds and disputes, follows it, and resolves what agrees by now.
   * @throws {PaymentNotFoundError} no such payment within the actor's reach.
   * @throws {ProviderUnavailableError} the provider has not answered.
   * @throws {ProviderMisconfiguredError} it is another provider's, or of the other mode, or the provider does not know us.
   */
  async sync(actor: Principal, id: string): Promise<Payment> {
    this.calls.assertTakesMoney();
    this.calls.assertKnows(await this.reader.get(actor, id));
    const payment = await this.examination.examine(id, this.desk.answerDeadline());
    if (!payment) throw new ProviderUnavailableError(1);
    const outcome = await this.calls.ask(this.desk.answerDeadline(), (signal) =>
      this.repayments.compareOf(payment, () => signal),
    );
    if (outcome.kind === 'unknown') throw new ProviderUnavailableError(1);
    return this.reader.get(actor, id);
  }
}
