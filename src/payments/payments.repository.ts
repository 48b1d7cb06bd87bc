import { Injectable } from '@nestjs/common';
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { Keyring } from '../common/keyring.js';
import { Measures, type Sample } from '../common/measures.js';
import type { Keyset, KeysetQuery } from '../common/pagination.js';
import type { ExportPage } from '../common/personal-data.js';
import { Database } from '../database/database.js';
import { exportPageOf, keysetOf } from '../database/keyset.js';
import { ACTION_PURPOSE, Payment } from './payment.entity.js';
import { isSettled, PAYMENT_STATUSES, type PaymentStatus } from './payment-states.js';

/** Which payments, refunds or disputes of the scope; what is left out does not narrow them. */
export interface MoneyFilter {
  readonly owner_id?: string | undefined;
  readonly tenant_id?: string | undefined;
  readonly currency?: string | undefined;
  readonly reference?: string | undefined;
  readonly provider?: string | undefined;
  readonly needs_review?: boolean | undefined;
  readonly amount_gte?: number | undefined;
  readonly amount_lte?: number | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

export interface PaymentFilter extends MoneyFilter {
  readonly status?: PaymentStatus | undefined;
}

/** A provider, and whether it is the one for real money. */
export interface Provider {
  readonly provider: string;
  readonly livemode: boolean;
}

/** What somebody has for itself until its lease is over. */
export interface Claimed {
  readonly id: string;
  readonly tenant_id: string;
}

/** Every question about payments. Joins the caller's transaction and scope. */
@Injectable()
export class PaymentsRepository {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  async insert(payment: Payment): Promise<void> {
    await this.database.run((manager) => manager.insert(Payment, this.sealed(payment)));
  }

  find(id: string): Promise<Payment | null> {
    return this.opened(this.database.run((manager) => manager.findOneBy(Payment, { id })));
  }

  /** The row is the caller's until the transaction ends. */
  lock(id: string): Promise<Payment | null> {
    return this.opened(
      this.database.run((manager) => manager.findOne(Payment, { where: { id }, lock: { mode: 'pessimistic_write' } })),
    );
  }

  findByProvider(provider: string, provider_payment_id: string): Promise<Payment | null> {
    return this.opened(
      this.database.run((manager) =>
        manager.findOneBy(Payment, { provider: provider as Payment['provider'], provider_payment_id }),
      ),
    );
  }

  /** The one that stands in the way of another with this reference. */
  async findIdByReference(owner_id: string, reference: string): Promise<string | null> {
    const [row] = await this.database.run((manager) =>
      manager.query<{ id: string }[]>(
        `SELECT id FROM payments WHERE owner_id = $1 AND reference = $2 AND status <> 'canceled'`,
        [owner_id, reference],
      ),
    );
    return row?.id ?? null;
  }

  /** Writes all that may change of a payment; the caller holds its lock. */
  async save(payment: Payment): Promise<void> {
    const { id, ...rest } = this.sealed(payment);
    const changes = { ...rest, updated_at: new Date() };
    await this.database.run((manager) => manager.update(Payment, { id }, changes));
    payment.updated_at = changes.updated_at;
  }

  /** When it is to be looked at next, unless it has ended meanwhile. */
  async schedule(id: string, wait_ms: number): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE payments SET next_reconcile_at = now() + $2 * interval '1 millisecond'
         WHERE id = $1 AND status NOT IN ('succeeded', 'canceled') AND NOT needs_review`,
        [id, wait_ms],
      ),
    );
  }

  async list(filter: PaymentFilter, page: KeysetQuery): Promise<Keyset<Payment>> {
    const found = await this.database.run((manager) =>
      keysetOf(narrowed(manager.createQueryBuilder(Payment, 'payment'), filter), page),
    );
    for (const payment of found.data) this.open(payment);
    return found;
  }

  /** For the owner's own copy of all there is. */
  pageOfOwner(owner_id: string, page: ExportPage): Promise<Payment[]> {
    return this.database.run((manager) =>
      exportPageOf(
        manager.createQueryBuilder(Payment, 'payment').where('payment.owner_id = :owner_id', { owner_id }),
        page,
      ),
    );
  }

  /** Takes payments that are due. */
  claimDue(limit: number, lease_ms: number, of: Provider): Promise<Claimed[]> {
    return claimDue(this.database, { table: 'payments', of: 'provider = $3 AND livemode = $4' }, limit, lease_ms, of);
  }

  /** The provider was asked about it once more. */
  count(payment: Payment): Promise<void> {
    return countQuestion(this.database, 'payments', payment);
  }

  /** Leaves of a person's payments what the books need, and nobody's name. */
  async erase(owner_id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE payments SET reference = NULL, description = NULL, metadata = '{}', payment_method = NULL,
           last_error = NULL, sealed_action = NULL, key_id = NULL
         WHERE owner_id = $1`,
        [owner_id],
      ),
    );
  }

  private async opened(found: Promise<Payment | null>): Promise<Payment | null> {
    const payment = await found;
    if (payment) this.open(payment);
    return payment;
  }

  private open(payment: Payment): void {
    const { id, key_id, sealed_action } = payment;
    payment.next_action =
      sealed_action && key_id
        ? (JSON.parse(
            this.keyring.open(ACTION_PURPOSE, key_id, sealed_action, id).toString(),
          ) as Payment['next_action'])
        : null;
  }

  /** How many are under way, by status: what has come to its end is not counted. */
  @Measures({ name: 'omni_payments_open', help: 'Payments that are followed until they end', labels: ['status'] })
  async openByStatus(): Promise<Sample[]> {
    const rows = await this.database.asSystem(() =>
      this.database.run((manager) =>
        manager.query<{ status: PaymentStatus; count: number }[]>(
          'SELECT status, count(*)::integer AS count FROM payments WHERE next_reconcile_at IS NOT NULL GROUP BY status',
        ),
      ),
    );
    const counts = new Map(rows.map(({ status, count }) => [status, count]));
    // A series that comes and goes would be a gap in a graph.
    const told = PAYMENT_STATUSES.filter((status) => !isSettled(status) || counts.has(status));
    return told.map((status) => ({ value: counts.get(status) ?? 0, labels: { status } }));
  }

  private sealed({ next_action, ...payment }: Payment): Omit<Payment, 'next_action'> {
    if (!next_action) return { ...payment, sealed_action: null, key_id: null };
    const { sealed, key_id } = this.keyring.seal(ACTION_PURPOSE, JSON.stringify(next_action), payment.id);
    return { ...payment, sealed_action: sealed, key_id };
  }
}

/** Narrows what is found by everything that the filter names. */
export function narrowed<Row extends ObjectLiteral>(
  found: SelectQueryBuilder<Row>,
  { amount_gte, amount_lte, since, until, ...equal }: MoneyFilter,
): SelectQueryBuilder<Row> {
  const { alias } = found;
  for (const [column, value] of Object.entries(equal)) {
    if (value !== undefined) found.andWhere(`${alias}.${column} = :${column}`, { [column]: value });
  }
  if (amount_gte !== undefined) found.andWhere(`${alias}.amount >= :amount_gte`, { amount_gte });
  if (amount_lte !== undefined) found.andWhere(`${alias}.amount <= :amount_lte`, { amount_lte });
  if (since) found.andWhere(`${alias}.created_at >= :since`, { since });
  if (until) found.andWhere(`${alias}.created_at < :until`, { until });
  return found;
}

/** Narrows what belongs to payments to those of one owner, or with one reference. */
export function ofPayments<Row extends ObjectLiteral>(
  found: SelectQueryBuilder<Row>,
  payments: Pick<MoneyFilter, 'owner_id' | 'reference'>,
): SelectQueryBuilder<Row> {
  for (const [column, value] of Object.entries(payments)) {
    if (value === undefined) continue;
    const theirs = `SELECT id FROM payments WHERE ${column} = :payment_${column}`;
    found.andWhere(`${found.alias}.payment_id IN (${theirs})`, { [`payment_${column}`]: value });
  }
  return found;
}

/**
 * Takes rows that are due, the longest waiting first. Two that claim at once get different ones; whoever dies over one
 * leaves it to be claimed again after the lease.
 * @param of - which rows are the provider's, $3 and $4 its name and mode.
 */
export async function claimDue(
  database: Database,
  { table, of }: { readonly table: 'payments' | 'refunds'; readonly of: string },
  limit: number,
  lease_ms: number,
  { provider, livemode }: Provider,
): Promise<Claimed[]> {
  const [rows] = await database.asSystem(() =>
    database.run((manager) =>
      manager.query<[Claimed[], number]>(
        `WITH due AS MATERIALIZED (
           SELECT id FROM ${table} WHERE next_reconcile_at <= now() AND ${of}
           ORDER BY next_reconcile_at LIMIT $1 FOR UPDATE SKIP LOCKED
         )
         UPDATE ${table} SET next_reconcile_at = now() + $2 * interval '1 millisecond'
         FROM due WHERE ${table}.id = due.id RETURNING ${table}.id, ${table}.tenant_id`,
        [limit, lease_ms, provider, livemode],
      ),
    ),
  );
  return rows;
}

/** One question more, unless what was asked about has moved on since: then it begins anew. */
export async function countQuestion(
  database: Database,
  table: 'payments' | 'refunds',
  asked: { readonly id: string; readonly version: number; reconcile_attempts: number },
): Promise<void> {
  await database.run((manager) =>
    manager.query(`UPDATE ${table} SET reconcile_attempts = reconcile_attempts + 1 WHERE id = $1 AND version = $2`, [
      asked.id,
      asked.version,
    ]),
  );
  asked.reconcile_attempts += 1;
}
