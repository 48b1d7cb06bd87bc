import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';

/** Of everything where no moment is given, else of what was touched since then: then an index leads there. */
const touched = (column: string): string => `($1::timestamptz IS NULL OR ${column} >= $1)`;

/** Everything that has versions, and each of their steps. */
const THINGS = ['payments', 'refunds', 'disputes']
  .map((table) => `SELECT id, version FROM ${table} WHERE ${touched('updated_at')}`)
  .join(' UNION ALL ');
const STEPS = `SELECT payment_id AS id, version AS step, created_at FROM payment_transitions
  UNION ALL SELECT refund_id, version, created_at FROM refund_transitions
  UNION ALL SELECT dispute_id, version, created_at FROM dispute_transitions`;

/** What stands on an account of each tenant and currency; debits are positive. */
const balanceOf = (code: string): string => `SELECT coalesce(b.place, c.place) AS id FROM (
      SELECT a.tenant_id || ' ' || a.currency AS place, sum(CASE e.direction WHEN 'debit' THEN e.amount ELSE -e.amount END) AS balance
      FROM ledger_accounts a JOIN ledger_entries e ON e.account_id = a.id WHERE a.code = '${code}' GROUP BY 1) b`;

/** What must hold of the books, each as a question for rows that break it. `$1` is since when. */
export const INVARIANTS = {
  'I1 every transaction balances': `
    SELECT t.id::text AS id FROM ledger_transactions t LEFT JOIN ledger_entries e ON e.transaction_id = t.id
    WHERE ${touched('t.created_at')} GROUP BY t.id, e.currency
    HAVING count(e.id) < 2 OR sum(CASE e.direction WHEN 'debit' THEN e.amount ELSE -e.amount END) <> 0`,
  'I2 the trial balance is zero in every currency': `
    SELECT e.tenant_id || ' ' || e.currency AS id FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
    WHERE ${touched('t.created_at')} GROUP BY e.tenant_id, e.currency
    HAVING sum(CASE e.direction WHEN 'debit' THEN e.amount ELSE -e.amount END) <> 0`,
  'I3 what is refunded is what its refunds say, and never more than was captured': `
    SELECT p.id::text FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id WHERE ${touched('p.updated_at')} GROUP BY p.id
    HAVING p.amount_refunded <> coalesce(sum(r.amount) FILTER (WHERE r.status = 'succeeded'), 0)
      OR p.amount_refund_pending <> coalesce(sum(r.amount) FILTER (WHERE r.status IN ('pending', 'requires_action')), 0)
      OR p.amount_refunded + p.amount_refund_pending > p.amount_captured`,
  'I4 every succeeded payment is posted once, with what was captured': `
    SELECT p.id::text FROM payments p
    LEFT JOIN ledger_transactions t ON t.payment_id = p.id AND t.event = 'captured'
    LEFT JOIN ledger_entries e ON e.transaction_id = t.id AND e.direction = 'debit'
    WHERE ${touched('p.updated_at')} GROUP BY p.id HAVING count(DISTINCT t.id) <> CASE p.status WHEN 'succeeded' THEN 1 ELSE 0 END
      OR coalesce(sum(e.amount), 0) <> CASE p.status WHEN 'succeeded' THEN p.amount_captured ELSE 0 END`,
  'I5 the provider owes us what was captured, and neither refunded nor withdrawn': `
    ${balanceOf('provider_receivable')} FULL JOIN (
      SELECT tenant_id || ' ' || currency AS place, sum(amount_captured - amount_refunded - withdrawn) AS expected
      FROM (SELECT p.*, (SELECT coalesce(sum(d.amount), 0) FROM disputes d
                         WHERE d.payment_id = p.id AND d.funds = 'withdrawn') AS withdrawn FROM payments p) AS p
      WHERE status = 'succeeded' GROUP BY 1) c USING (place)
    WHERE coalesce(b.balance, 0) <> coalesce(c.expected, 0)`,
  'I5b we owe to payers what is being refunded': `
    ${balanceOf('refunds_payable')} FULL JOIN (
      SELECT tenant_id || ' ' || currency AS place, -sum(amount_refund_pending) AS expected FROM payments GROUP BY 1) c USING (place)
    WHERE coalesce(b.balance, 0) <> coalesce(c.expected, 0)`,
  'I5c what is withdrawn and not lost may come back': `
    ${balanceOf('disputes_receivable')} FULL JOIN (
      SELECT tenant_id || ' ' || currency AS place, sum(amount) AS expected FROM disputes
      WHERE funds = 'withdrawn' AND NOT lost GROUP BY 1) c USING (place)
    WHERE coalesce(b.balance, 0) <> coalesce(c.expected, 0)`,
  'I6 versions have no gaps, and one step each': `
    SELECT id::text FROM (${THINGS}) AS p LEFT JOIN (${STEPS}) AS t USING (id)
    GROUP BY id, p.version HAVING count(t.id) <> p.version OR max(t.step) <> p.version OR min(t.step) <> 1`,
  'I7 every step was told': `
    SELECT t.id || ':' || t.step AS id FROM (${STEPS}) AS t
    WHERE t.created_at > now() - interval '29 days' AND ${touched('t.created_at')} AND NOT EXISTS (
      SELECT FROM outbox o WHERE o.topic = 'payments' AND o.dedupe_key = t.id || ':' || t.step)`,
  'I8 nothing open is forgotten': `
    SELECT id::text FROM payments
    WHERE status IN ('processing', 'requires_action', 'requires_capture') AND next_reconcile_at IS NULL AND NOT needs_review
    UNION ALL SELECT id::text FROM refunds
    WHERE status IN ('pending', 'requires_action') AND next_reconcile_at IS NULL AND NOT needs_review`,
  'I9 every finished key has its answer, and none is unfinished for a day': `
    SELECT id::text FROM idempotency_keys
    WHERE (finished_at IS NOT NULL AND response_body IS NULL AND ${touched('finished_at')})
       OR (finished_at IS NULL AND created_at < now() - interval '1 day')`,
  'I10 nobody was charged twice': `
    SELECT payment_id::text AS id FROM simulator.movements WHERE kind = 'charge' GROUP BY payment_id HAVING count(*) > 1`,
  'I10b nobody was given back more than was taken': `
    SELECT c.payment_id::text AS id FROM simulator.charges c JOIN simulator.refunds r ON r.charge_id = c.id
    WHERE r.status IN ('pending', 'succeeded') GROUP BY c.id HAVING sum(r.amount) > c.amount_received`,
} as const;

export type InvariantName = keyof typeof INVARIANTS;

/** Of everything or not at all: a sum over all that there is. What it would find, the others find where it happens. */
const WHOLE = (Object.keys(INVARIANTS) as InvariantName[]).filter((name) => name.startsWith('I5'));

/** Whose something is that breaks a rule. */
export interface BrokenPlace {
  readonly id: string;
  readonly tenant_id: string | null;
  readonly payment_id: string | null;
}

/** Asks for what breaks the invariants, over all tenants. */
@Injectable()
export class InvariantsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Ids of what breaks it, the first hundred: each begins with a payment's, a refund's, a dispute's, a transaction's, a
   * key's or a tenant's.
   * @param since - only among what was touched since then; among all where it is null.
   */
  async broken(name: InvariantName, since: Date | null): Promise<string[]> {
    if (since && WHOLE.includes(name)) return [];
    const rows = await this.ask<{ id: string }>(`${INVARIANTS[name]} LIMIT 100`, name, [since]);
    return rows.map(({ id }) => id);
  }

  /** Whether this one breaks it, however long ago it was touched. */
  async isBroken(name: InvariantName, id: string): Promise<boolean> {
    const rows = await this.ask(`SELECT FROM (${INVARIANTS[name]}) AS broken WHERE id = $2`, name, [null, id]);
    return rows.length > 0;
  }

  place(ids: readonly string[]): Promise<BrokenPlace[]> {
    return this.system(
      `SELECT broken.id, coalesce(p.tenant_id, r.tenant_id, d.tenant_id, t.tenant_id, k.tenant_id, n.id) AS tenant_id,
         coalesce(p.id, r.payment_id, d.payment_id, t.payment_id, k.payment_id) AS payment_id
       FROM (SELECT id, left(id, 36)::uuid AS first FROM unnest($1::text[]) AS id) AS broken
       LEFT JOIN payments p ON p.id = first
       LEFT JOIN refunds r ON r.id = first
       LEFT JOIN disputes d ON d.id = first
       LEFT JOIN ledger_transactions t ON t.id = first
       LEFT JOIN idempotency_keys k ON k.id = first
       LEFT JOIN tenants n ON n.id = first`,
      [ids],
    );
  }

  /** Not every question has a place for the moment: the first parameter is left out then. */
  private ask<Row>(sql: string, name: InvariantName, [since, ...rest]: unknown[]): Promise<Row[]> {
    const isNamed = INVARIANTS[name].includes('$1');
    return isNamed ? this.system(sql, [since, ...rest]) : this.system(sql.replaceAll('$2', '$1'), rest);
  }

  private system<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    return this.database.asSystem(() => this.database.run((manager) => manager.query<Row[]>(sql, parameters)));
  }
}
