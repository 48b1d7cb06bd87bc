import { exact } from '../money/minor-units.js';
import { NOW, type BankBooks } from './bank.repository.js';

/** A refund as the bank has it. Amounts are the bank's: see money/provider-amounts.ts. */
export interface BankRefund {
  readonly id: string;
  readonly charge_id: string;
  readonly payment_id: string;
  readonly tenant_id: string;
  /** Ours; null for one that somebody made at the bank. */
  readonly refund_id: string | null;
  readonly amount: number;
  /** In lower case. */
  readonly currency: string;
  status: 'pending' | 'succeeded' | 'failed';
  readonly reason: string | null;
  failure_code: string | null;
  settles_at: Date | null;
  settles_to: 'succeeded' | 'failed' | null;
}

/** The bank's refunds within one of its transactions. */
export class RefundBooks {
  constructor(private readonly books: BankBooks) {}

  async insert(refund: BankRefund): Promise<void> {
    const { id, charge_id, payment_id, tenant_id, refund_id, amount, currency, status, reason } = refund;
    await this.books.query(
      `INSERT INTO simulator.refunds (id, charge_id, payment_id, tenant_id, refund_id, amount, currency, status, reason,
         settles_at, settles_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        id,
        charge_id,
        payment_id,
        tenant_id,
        refund_id,
        amount,
        currency,
        status,
        reason,
        refund.settles_at,
        refund.settles_to,
      ],
    );
  }

  async lock(id: string): Promise<BankRefund | null> {
    const [row] = await this.query('SELECT * FROM simulator.refunds WHERE id = $1 FOR UPDATE', [id]);
    return row ?? null;
  }

  /** The newest first. */
  ofCharge(charge_id: string): Promise<BankRefund[]> {
    return this.query('SELECT * FROM simulator.refunds WHERE charge_id = $1 ORDER BY created_at DESC, id FOR UPDATE', [
      charge_id,
    ]);
  }

  /** The newest first. */
  ofCharges(charge_ids: readonly string[]): Promise<BankRefund[]> {
    return this.query('SELECT * FROM simulator.refunds WHERE charge_id = ANY($1) ORDER BY created_at DESC, id', [
      charge_ids,
    ]);
  }

  async save({ id, status, failure_code, settles_at, settles_to }: BankRefund): Promise<void> {
    await this.books.query(
      `UPDATE simulator.refunds SET status = $2, failure_code = $3, settles_at = $4, settles_to = $5, changed_at = now()
       WHERE id = $1`,
      [id, status, failure_code, settles_at, settles_to],
    );
  }

  /** Those whose time has come. */
  due(limit: number): Promise<BankRefund[]> {
    return this.query(`SELECT * FROM simulator.refunds WHERE settles_at <= ${NOW} LIMIT $1 FOR UPDATE SKIP LOCKED`, [
      limit,
    ]);
  }

  private async query(sql: string, parameters: unknown[]): Promise<BankRefund[]> {
    const rows = await this.books.query<BankRefund>(sql, parameters);
    return rows.map((row) => ({ ...row, amount: exact(String(row.amount)) }));
  }
}
