import { Injectable } from '@nestjs/common';
import type { Keyset } from '../../common/pagination.js';
import { idsWithin, type Span } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { assertOneDirection, pageFrom, type KeysetPlace } from '../../database/keyset.js';
import { exact } from '../money/minor-units.js';
import type { AccountCode } from './postings.js';

export interface EntryRow {
  readonly id: string;
  readonly at: Date;
  readonly transaction_id: string;
  readonly account: AccountCode;
  readonly direction: 'debit' | 'credit';
  readonly amount: number;
  readonly currency: string;
  readonly source_type: string;
  readonly source_id: string;
  readonly event: string;
}

/** As the driver gives it. */
type Raw = Omit<EntryRow, 'amount'> & { readonly amount: string };

/** Which entries; what is left out does not narrow them. */
export interface EntryFilter extends Span {
  readonly tenant_id: string;
  readonly account: AccountCode;
  readonly currency?: string | undefined;
}

const COLUMNS = `e.id, e.created_at AS at, e.transaction_id, a.code AS account, e.direction, e.amount, e.currency,
  t.source_type, t.source_id, t.event`;

/** What stands in the books, line by line. Joins the caller's transaction and scope. */
@Injectable()
export class EntriesRepository {
  constructor(private readonly database: Database) {}

  /** A payment's entries, the oldest first. */
  ofPayment(payment_id: string): Promise<EntryRow[]> {
    return this.query(
      `SELECT ${COLUMNS}
       FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id JOIN ledger_accounts a ON a.id = e.account_id
       WHERE t.payment_id = $1 ORDER BY e.transaction_id, e.direction DESC, e.id`,
      [payment_id],
    );
  }

  /**
   * A part of what stands on an account, over all its currencies, newest first. Each currency is an account of its own,
   * and is read along its index.
   * @throws {ValidationError} both directions at once.
   */
  async list(filter: EntryFilter, place: KeysetPlace): Promise<Keyset<EntryRow>> {
    assertOneDirection(place);
    const { tenant_id, account, currency = null, since = null, until = null } = filter;
    const { limit, starting_after = null, ending_before = null } = place;
    const { first_id, last_id } = idsWithin(filter);
    const order = ending_before ? 'ASC' : 'DESC';
    const rows = await this.query(
      `SELECT ${COLUMNS}
       FROM ledger_accounts a
       CROSS JOIN LATERAL (
         SELECT * FROM ledger_entries WHERE account_id = a.id
           AND ($4::uuid IS NULL OR id < $4) AND ($5::uuid IS NULL OR id > $5)
           AND ($6::uuid IS NULL OR id >= $6) AND ($7::uuid IS NULL OR id < $7)
           AND ($8::timestamptz IS NULL OR created_at >= $8) AND ($9::timestamptz IS NULL OR created_at < $9)
         ORDER BY id ${order} LIMIT $10
       ) e
       JOIN ledger_transactions t ON t.id = e.transaction_id
       WHERE a.tenant_id = $1 AND a.code = $2 AND ($3::text IS NULL OR a.currency = $3)
       ORDER BY e.id ${order} LIMIT $10`,
      [tenant_id, account, currency, starting_after, ending_before, first_id, last_id, since, until, limit + 1],
    );
    return pageFrom(rows, place);
  }

  private async query(sql: string, parameters: unknown[]): Promise<EntryRow[]> {
    const rows = await this.database.run((manager) => manager.query<Raw[]>(sql, parameters));
    return rows.map((row) => ({ ...row, amount: exact(row.amount) }));
  }
}
