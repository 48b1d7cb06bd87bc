import { Injectable } from '@nestjs/common';
import { tenantToList, type Principal } from '../../common/access.js';
import { assertSpan, type Keyset } from '../../common/pagination.js';
import type { Span } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { EntriesRepository, type EntryRow } from '../ledger/entries.repository.js';
import { LedgerRepository, type AccountRow, type BalanceRow } from '../ledger/ledger.repository.js';
import type { AccountCode } from '../ledger/postings.js';

/** Which entries of an account somebody asks for. */
export interface EntriesAsked extends Span {
  readonly tenant_id?: string | undefined;
  /** ISO 4217, in any case. */
  readonly currency?: string | undefined;
  readonly limit?: number | undefined;
  readonly starting_after?: string | undefined;
  readonly ending_before?: string | undefined;
}

/** How many a page has, unless told. */
const STANDARD_LIMIT = 20;

/** The books of a tenant, for its admins. Another tenant's are empty to whoever may not see them. */
@Injectable()
export class BooksService {
  constructor(
    private readonly database: Database,
    private readonly ledger: LedgerRepository,
    private readonly rows: EntriesRepository,
  ) {}

  /** Both sides of every currency: the difference is zero. Of the own tenant, or of the one that a platform admin names. */
  trialBalance(actor: Principal, tenant_id?: string): Promise<BalanceRow[]> {
    return this.of(actor, tenant_id, (tenant) => this.ledger.trialBalance(tenant), []);
  }

  /** What stands on each account. */
  accounts(actor: Principal, tenant_id?: string): Promise<AccountRow[]> {
    return this.of(actor, tenant_id, (tenant) => this.ledger.accounts(tenant), []);
  }

  /**
   * What was posted to an account, in every currency, newest first. An account that was never used has nothing.
   * @throws {ValidationError} the span of time ends before it begins, or both directions at once.
   */
  entries(actor: Principal, account: AccountCode, asked: EntriesAsked): Promise<Keyset<EntryRow>> {
    const { tenant_id, currency, since, until, limit = STANDARD_LIMIT, starting_after, ending_before } = asked;
    assertSpan(asked);
    return this.of(
      actor,
      tenant_id,
      (tenant) =>
        this.rows.list(
          { tenant_id: tenant, account, currency: currency?.toUpperCase(), since, until },
          { limit, starting_after, ending_before },
        ),
      { data: [], has_more: false },
    );
  }

  private async of<Answer>(
    actor: Principal,
    asked: string | undefined,
    read: (tenant: string) => Promise<Answer>,
    nothing: Answer,
  ): Promise<Answer> {
    const tenant = tenantToList(actor, asked);
    return tenant === null ? nothing : this.database.asTenant(tenant, () => read(tenant));
  }
}
