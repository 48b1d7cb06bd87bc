import { exact } from '../money/minor-units.js';
import type { DisputeFunds } from '../gateways/dispute-snapshot.js';
import { NOW, type BankBooks, type Charge } from './bank.repository.js';
import type { DisputeStep } from './payment-methods.js';

/** A dispute as the bank has it. Amounts are the bank's: see money/provider-amounts.ts. */
export interface BankDispute {
  readonly id: string;
  readonly charge_id: string;
  readonly payment_id: string;
  readonly tenant_id: string;
  readonly amount: number;
  /** In lower case. */
  readonly currency: string;
  /** Null while the payer has not complained yet. */
  status: string | null;
  funds: DisputeFunds;
  readonly reason: string | null;
  evidence_due_at: Date | null;
  /** What will become of it, one after the other. */
  plan: DisputeStep[];
  next_at: Date | null;
}

/** The bank's disputes within one of its transactions. */
export class DisputeBooks {
  constructor(private readonly books: BankBooks) {}

  /** The payer will complain. */
  async plan(
    id: string,
    charge: Charge,
    amount: number,
    { plan, next_at }: Pick<BankDispute, 'plan' | 'next_at'>,
  ): Promise<void> {
    const { id: charge_id, payment_id, tenant_id, currency } = charge;
    await this.books.query(
      `INSERT INTO simulator.disputes (id, charge_id, payment_id, tenant_id, amount, currency, reason, plan, next_at)
       VALUES ($1, $2, $3, $4, $5, $6, 'fraudulent', $7, $8)`,
      [id, charge_id, payment_id, tenant_id, amount, currency, plan, next_at],
    );
  }

  async lock(id: string): Promise<BankDispute | null> {
    const [row] = await this.query('SELECT * FROM simulator.disputes WHERE id = $1 FOR UPDATE', [id]);
    return row ?? null;
  }

  /** The newest first. */
  ofCharge(charge_id: string): Promise<BankDispute[]> {
    return this.query('SELECT * FROM simulator.disputes WHERE charge_id = $1 ORDER BY created_at DESC, id FOR UPDATE', [
      charge_id,
    ]);
  }

  async save({ id, status, funds, evidence_due_at, plan, next_at }: BankDispute): Promise<void> {
    await this.books.query(
      `UPDATE simulator.disputes SET status = $2, funds = $3, evidence_due_at = $4, plan = $5, next_at = $6,
         changed_at = now() WHERE id = $1`,
      [id, status, funds, evidence_due_at, plan, next_at],
    );
  }

  /** Those whose time has come. */
  due(limit: number): Promise<BankDispute[]> {
    return this.query(`SELECT * FROM simulator.disputes WHERE next_at <= ${NOW} LIMIT $1 FOR UPDATE SKIP LOCKED`, [
      limit,
    ]);
  }

  private async query(sql: string, parameters: unknown[]): Promise<BankDispute[]> {
    const rows = await this.books.query<BankDispute>(sql, parameters);
    return rows.map((row) => ({ ...row, amount: exact(String(row.amount)) }));
  }
}
