import { Injectable } from '@nestjs/common';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../../common/personal-data.js';
import { Database } from '../../database/database.js';
import { RefundResponse } from './refunds.dto.js';
import { RefundsRepository } from './refunds.repository.js';

/** What becomes of refunds when the owner of their payments goes: amounts stay, for the books. */
@Injectable()
export class RefundErasure {
  constructor(
    private readonly refunds: RefundsRepository,
    private readonly database: Database,
  ) {}

  /** Joins the transaction that deletes the account. */
  @ErasesPersonalData({ tables: ['refunds'], keeps: 'the books are kept; the payment that is left is nobody’s' })
  async erase(owner_id: string): Promise<void> {
    await this.database.asSystem(() => this.refunds.erase(owner_id));
  }

  @ExportsPersonalData({ part: 'refunds', tables: ['refunds'] })
  async export(owner_id: string, page: ExportPage): Promise<RefundResponse[]> {
    return (await this.refunds.pageOfOwner(owner_id, page)).map(RefundResponse.from);
  }
}
