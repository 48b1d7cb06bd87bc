import { Injectable } from '@nestjs/common';
import { In, MoreThan, type EntityManager, type FindOptionsWhere } from 'typeorm';
import { firstIdAt } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { Dispute } from '../disputes/dispute.entity.js';
import type { GatewayConfig } from '../gateways/payment.gateway.js';
import { Payment } from '../payment.entity.js';
import { Refund } from '../refunds/refund.entity.js';
import type { Kinds } from './repayment-examination.js';

/** By the provider's name, and as it is called in the database; with what is asked for until its end, for months maybe. */
const PLACES = {
  refund: { entity: Refund, table: 'refunds', name: 'provider_refund_id', isOpen: 'false' },
  dispute: { entity: Dispute, table: 'disputes', name: 'provider_dispute_id', isOpen: 'NOT r.closed' },
} as const;

/** One of ours that the provider has named. */
export interface Named {
  readonly id: string;
  readonly name: string;
}

/** Which refunds and disputes are compared with the provider's. As system. */
@Injectable()
export class ReconciledRepaymentsRepository {
  constructor(private readonly database: Database) {}

  ofProvider<Kind extends keyof Kinds>(
    kind: Kind,
    provider: string,
    names: readonly string[],
  ): Promise<Kinds[Kind]['row'][]> {
    const { entity, name } = PLACES[kind];
    const where = { provider, [name]: In(names) } as FindOptionsWhere<Kinds[Kind]['row']>;
    return this.system((manager) => manager.findBy<Kinds[Kind]['row']>(entity, where));
  }

  /** Made since then, or open still: a page, in the order of time. */
  namedSince(
    kind: keyof Kinds,
    { provider, livemode }: GatewayConfig,
    since: Date,
    after: string | null,
    limit: number,
  ): Promise<Named[]> {
    const { table, name, isOpen } = PLACES[kind];
    return this.system((manager) =>
      manager.query<Named[]>(
        `SELECT r.id, r.${name} AS name FROM ${table} r JOIN payments p ON p.id = r.payment_id
         WHERE (r.id > $1 OR ${isOpen}) AND ($5::uuid IS NULL OR r.id > $5) AND p.provider = $2 AND p.livemode = $3
           AND r.${name} IS NOT NULL ORDER BY r.id LIMIT $4`,
        [firstIdAt(since.getTime()), provider, livemode, limit, after],
      ),
    );
  }

  /** Which of these payments, by the provider's ids, are ours. */
  async knownOf({ provider }: GatewayConfig, provider_payment_ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.system((manager) =>
      manager.query<{ id: string }[]>(
        'SELECT provider_payment_id AS id FROM payments WHERE provider = $1 AND provider_payment_id = ANY($2)',
        [provider, provider_payment_ids],
      ),
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Payments of this provider that wait for a person: a page, in the order of time. */
  setAside({ provider, livemode }: GatewayConfig, after: string | null, limit: number): Promise<Payment[]> {
    const its = { provider: provider as Payment['provider'], livemode, needs_review: true };
    return this.system((manager) =>
      manager.find(Payment, {
        where: { ...its, ...(after && { id: MoreThan(after) }) },
        order: { id: 'ASC' },
        take: limit,
      }),
    );
  }

  /** The provider's names for all that we know of one payment. */
  async namesOf(kind: keyof Kinds, payment_id: string): Promise<string[]> {
    const { table, name } = PLACES[kind];
    const rows = await this.system((manager) =>
      manager.query<{ name: string }[]>(
        `SELECT ${name} AS name FROM ${table} WHERE payment_id = $1 AND ${name} IS NOT NULL`,
        [payment_id],
      ),
    );
    return rows.map((row) => row.name);
  }

  private system<T>(question: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.database.asSystem(() => this.database.run(question));
  }
}
