import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/access.js';
import type { Keyset } from '../../common/pagination.js';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../../common/personal-data.js';
import { Database } from '../../database/database.js';
import { PaymentReader } from '../payment-reader.js';
import type { Dispute } from './dispute.entity.js';
import { DisputeResponse, type DisputeQuery } from './disputes.dto.js';
import { DisputeNotFoundError } from './disputes.errors.js';
import { DisputesRepository } from './disputes.repository.js';

/** Who may read which dispute: whoever may read its payment. Nobody makes one here. */
@Injectable()
export class DisputesService {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentReader,
    private readonly disputes: DisputesRepository,
  ) {}

  /** @throws {DisputeNotFoundError} no such dispute within the actor's reach. */
  async get(actor: Principal, id: string): Promise<Dispute> {
    const dispute = await this.database.asPrincipal(actor, () => this.disputes.find(id));
    if (!dispute || !(await this.payments.find(actor, dispute.payment_id))) throw new DisputeNotFoundError(id);
    return dispute;
  }

  /** Newest first: of the actor's own payments, for an admin of the tenant's. */
  list(actor: Principal, query: DisputeQuery): Promise<Keyset<Dispute>> {
    return this.payments.narrowed(actor, query, (filter, page) => this.disputes.list(filter, page));
  }

  /** What the payer has complained of. Joins the transaction that deletes the account. */
  @ErasesPersonalData({ tables: ['disputes'], keeps: 'the books are kept; the payment that is left is nobody’s' })
  async erase(owner_id: string): Promise<void> {
    await this.database.asSystem(() => this.disputes.erase(owner_id));
  }

  /** Every dispute of a person's payments. */
  @ExportsPersonalData({ part: 'disputes', tables: ['disputes'] })
  async export(owner_id: string, page: ExportPage): Promise<DisputeResponse[]> {
    return (await this.disputes.pageOfOwner(owner_id, page)).map(DisputeResponse.from);
  }
}
