import { Injectable } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import {
  ACCOUNT_TYPES,
  POSTINGS,
  REVERSALS,
  type AccountCode,
  type AccountType,
  type LedgerEvent,
} from './postings.js';

/** A fact with an amount, in the minor unit of its currency. */
export interface Fact {
  readonly tenant_id: string;
  readonly event: LedgerEvent;
  readonly source: { readonly type: 'payment' | 'refund' | 'dispute'; readonly id: string };
  readonly payment_id: string;
  readonly amount: number;
  readonly currency: string;
}

/** Sums, unlike single amounts, have no bound that a number could hold. */
export interface BalanceRow {
  readonly currency: string;
  readonly debits: bigint;
  readonly credits: bigint;
  readonly difference: bigint;
}

export interface AccountRow {
  readonly code: string;
  readonly type: AccountType;
  readonly currency: string;
  readonly balance: bigint;
}

/** The driver's texts for what PostgreSQL sums up. */
type Raw<Row> = { readonly [Name in keyof Row]: Row[Name] extends bigint ? string : Row[Name] };

const SIGNED = `CASE e.direction WHEN 'debit' THEN e.amount ELSE -e.amount END`;

/** The books. They only grow; the database refuses what does not balance. Joins the caller's transaction and scope. */
@Injectable()
export class LedgerRepository {
  constructor(private readonly database: Database) {}

  /** Posts a fact once, however often it is reported. @returns whether this was the first time. */
  post({ tenant_id, event, source, payment_id, amount, currency }: Fact): Promise<boolean> {
    return this.database.run(async (manager) => {
      const id = uuidv7();
      const posted = await manager.query<object[]>(
        `INSERT INTO ledger_transactions (id, tenant_id, event, source_type, source_id, payment_id, effective_at, reverses)
         VALUES ($1, $2, $3, $4, $5, $6, now(),
           (SELECT id FROM ledger_transactions WHERE source_type = $4 AND source_id = $5 AND event = $7))
         ON CONFLICT ON CONSTRAINT ledger_transactions_fact_key DO NOTHING RETURNING id`,
        [id, tenant_id, event, source.type, source.id, payment_id, REVERSALS[event] ?? null],
      );
      if (posted.length === 0) return false;
      const lines = POSTINGS[event];
      const accounts = await this.accountIds(
        tenant_id,
        lines.map(({ account }) => account),
        currency,
      );
      await manager.query(
        `INSERT INTO ledger_entries (id, tenant_id, transaction_id, account_id, currency, direction, amount)
         SELECT line.id, $1, $2, line.account_id, $3, line.direction, $4
         FROM unnest($5::uuid[], $6::uuid[], $7::text[]) AS line (id, account_id, direction)`,
        [
          tenant_id,
          id,
          currency,
          amount,
          lines.map(() => uuidv7()),
          lines.map(({ account }) => accounts.get(account)),
          lines.map(({ direction }) => direction),
        ],
      );
      return true;
    });
  }

  /** The sums of both sides, by currency. */
  async trialBalance(tenant_id: string): Promise<BalanceRow[]> {
    const rows = await this.database.run((manager) =>
      manager.query<Raw<BalanceRow>[]>(
        `SELECT currency, coalesce(sum(amount) FILTER (WHERE direction = 'debit'), 0)::text AS debits,
           coalesce(sum(amount) FILTER (WHERE direction = 'credit'), 0)::text AS credits, sum(${SIGNED})::text AS difference
         FROM ledger_entries e WHERE tenant_id = $1 GROUP BY currency ORDER BY currency`,
        [tenant_id],
      ),
    );
    return rows.map(({ currency, debits, credits, difference }) => ({
      currency,
      debits: BigInt(debits),
      credits: BigInt(credits),
      difference: BigInt(difference),
    }));
  }

  /** Every account with what stands on it: on the side where accounts of its type grow. */
  async accounts(tenant_id: string): Promise<AccountRow[]> {
    const rows = await this.database.run((manager) =>
      manager.query<Raw<AccountRow>[]>(
        `SELECT a.code, a.type, a.currency, (coalesce(sum(${SIGNED}), 0)
           * CASE WHEN a.type IN ('asset', 'expense', 'contra_income') THEN 1 ELSE -1 END)::text AS balance
         FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account_id = a.id
         WHERE a.tenant_id = $1 GROUP BY a.id ORDER BY a.code, a.currency`,
        [tenant_id],
      ),
    );
    return rows.map((row) => ({ ...row, balance: BigInt(row.balance) }));
  }

  /** By code; those that are missing are opened. */
  private async accountIds(
    tenant_id: string,
    codes: readonly AccountCode[],
    currency: string,
  ): Promise<ReadonlyMap<AccountCode, string>> {
    const known = await this.knownAccounts(tenant_id, codes, currency);
    const missing = codes.filter((code) => !known.has(code)).toSorted();
    if (missing.length === 0) return known;
    for (const code of missing) {
      await this.database.run((manager) =>
        manager.query(
          `INSERT INTO ledger_accounts (id, tenant_id, code, currency, type) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT ON CONSTRAINT ledger_accounts_code_key DO NOTHING`,
          [uuidv7(), tenant_id, code, currency, ACCOUNT_TYPES[code]],
        ),
      );
    }
    return this.knownAccounts(tenant_id, codes, currency);
  }

  private async knownAccounts(
    tenant_id: string,
    codes: readonly AccountCode[],
    currency: string,
  ): Promise<Map<AccountCode, string>> {
    const rows = await this.database.run((manager) =>
      manager.query<{ code: AccountCode; id: string }[]>(
        'SELECT code, id FROM ledger_accounts WHERE tenant_id = $1 AND currency = $2 AND code = ANY($3)',
        [tenant_id, currency, codes],
      ),
    );
    return new Map(rows.map(({ code, id }) => [code, id]));
  }
}
