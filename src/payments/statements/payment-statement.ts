import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/access.js';
import { Database } from '../../database/database.js';
import { EntriesRepository, type EntryRow } from '../ledger/entries.repository.js';
import { PaymentReader } from '../payment-reader.js';
import { PaymentHistory, type TimelineEntry } from './payment-history.js';

/** All that is known of one payment, for whoever may see it. */
@Injectable()
export class PaymentStatement {
  constructor(
    private readonly database: Database,
    private readonly reader: PaymentReader,
    private readonly history: PaymentHistory,
    private readonly ledger: EntriesRepository,
  ) {}

  /** Its steps, tries, refunds, disputes and words to the provider, the oldest first. @throws {PaymentNotFoundError} */
  async timeline(actor: Principal, id: string): Promise<TimelineEntry[]> {
    const { tenant_id } = await this.reader.get(actor, id);
    return this.database.asTenant(tenant_id, () => this.history.list(id));
  }

  /** What the payment has put into the books. @throws {PaymentNotFoundError} */
  async entries(actor: Principal, id: string): Promise<EntryRow[]> {
    const { tenant_id } = await this.reader.get(actor, id);
    return this.database.asTenant(tenant_id, () => this.ledger.ofPayment(id));
  }
}
