import { Injectable } from '@nestjs/common';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../common/personal-data.js';
import { Database } from '../database/database.js';
import { BankErasureRepository } from './bank/bank-erasure.repository.js';
import { AttemptsRepository } from './charges/attempts.repository.js';
import { ProviderOperationsRepository } from './gateways/provider-operations.repository.js';
import { IdempotencyKeysRepository } from './idempotency/idempotency-keys.repository.js';
import { PaymentResponse } from './payments.dto.js';
import { PaymentsRepository } from './payments.repository.js';

/** A payment as its owner is told of it. */
type ExportedPayment = Omit<PaymentResponse, 'next_action' | 'owner_id'>;

/** What becomes of payments when their owner goes: they are nobody's then, and the amounts stay, for the books. */
@Injectable()
export class PaymentErasure {
  constructor(
    private readonly payments: PaymentsRepository,
    private readonly attempts: AttemptsRepository,
    private readonly operations: ProviderOperationsRepository,
    private readonly keys: IdempotencyKeysRepository,
    private readonly bank: BankErasureRepository,
    private readonly database: Database,
  ) {}

  /** Joins the transaction that deletes the account. */
  @ErasesPersonalData({
    tables: ['payments', 'payment_attempts', 'provider_operations'],
    keeps: 'the books are kept; the id that is left leads nowhere',
  })
  async erase(owner_id: string): Promise<void> {
    await this.database.asSystem(async () => {
      await this.attempts.erase(owner_id);
      await this.operations.erase(owner_id);
      await this.bank.erase(owner_id);
      await this.payments.erase(owner_id);
    });
  }

  /** A request that is under way loses its key too: it writes nothing any more, and is followed from behind. */
  @ErasesPersonalData({ tables: ['idempotency_keys'] })
  async eraseKeys(owner_id: string): Promise<void> {
    await this.database.asSystem(() => this.keys.erase(owner_id));
  }

  /** Every payment, without the links that only the payer may follow. */
  @ExportsPersonalData({ part: 'payments', tables: ['payments'] })
  async export(owner_id: string, page: ExportPage): Promise<ExportedPayment[]> {
    const payments = await this.payments.pageOfOwner(owner_id, page);
    return payments.map((payment) => {
      const { next_action: _link, owner_id: _owner, ...told } = PaymentResponse.from(payment);
      return told;
    });
  }
}
