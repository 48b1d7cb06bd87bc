import { Injectable } from '@nestjs/common';
import type { Keyset, KeysetQuery } from '../../common/pagination.js';
import type { ExportPage } from '../../common/personal-data.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { exportPageOf, keysetOf } from '../../database/keyset.js';
import type { Mover } from '../charges/transition.entity.js';
import type { RefundSnapshot, RefundStatus } from '../gateways/refund-snapshot.js';
import {
  claimDue,
  countQuestion,
  narrowed,
  ofPayments,
  type Claimed,
  type MoneyFilter,
  type Provider,
} from '../payments.repository.js';
import { RefundTransition } from './refund-transition.entity.js';
import { Refund } from './refund.entity.js';

/** Which refunds of the scope; what is left out does not narrow them. */
export interface RefundFilter extends MoneyFilter {
  readonly status?: RefundStatus | undefined;
  readonly payment_id?: string | undefined;
}

/** The refunds of a provider's payments. */
const THEIRS = 'EXISTS (SELECT FROM payments p WHERE p.id = payment_id AND p.provider = $3 AND p.livemode = $4)';

/** Every question about refunds. Joins the caller's transaction and scope; writers hold the payment's lock. */
@Injectable()
export class RefundsRepository {
  constructor(private readonly database: Database) {}

  async insert(refund: Refund): Promise<void> {
    await this.database.run((manager) => manager.insert(Refund, refund));
  }

  find(id: string): Promise<Refund | null> {
    return this.database.run((manager) => manager.findOneBy(Refund, { id }));
  }

  findByProvider(provider: string, provider_refund_id: string): Promise<Refund | null> {
    return this.database.run((manager) =>
      manager.findOneBy(Refund, { provider: provider as Refund['provider'], provider_refund_id }),
    );
  }

  /** The one that the provider tells of: by the provider's name for it, else by ours, while it has no name there. */
  async findOf(
    { id: payment_id, provider }: { readonly id: string; readonly provider: string },
    { provider_refund_id, refund_id }: RefundSnapshot,
  ): Promise<Refund | null> {
    const named = await this.findByProvider(provider, provider_refund_id);
    if (named || refund_id === null) return named;
    const ours = await this.find(refund_id);
    return ours?.payment_id === payment_id && ours.provider_refund_id === null ? ours : null;
  }

  /**
   * Whether the provider may not know yet of a refund that is wanted here. One that was set aside is not waited for: it is
   * asked for no more, and comes to no end by itself.
   */
  isAnyUnnamed(payment_id: string): Promise<boolean> {
    return this.database.run((manager) =>
      manager
        .createQueryBuilder(Refund, 'refund')
        .where('refund.payment_id = :payment_id', { payment_id })
        .andWhere(`refund.status = 'pending' AND refund.provider_refund_id IS NULL AND NOT refund.needs_review`)
        .getExists(),
    );
  }

  /** Writes all that may change of a refund. */
  async save(refund: Refund): Promise<void> {
    const { id, ...rest } = refund;
    const changes = { ...rest, updated_at: new Date() };
    await this.database.run((manager) => manager.update(Refund, { id }, changes));
    refund.updated_at = changes.updated_at;
  }

  /** Writes down that the refund has reached its status and version. */
  async step(
    { id: refund_id, tenant_id, version, status }: Refund,
    from_status: RefundStatus | null,
    { actor, actor_id = null }: Mover,
  ): Promise<void> {
    const step = { id: uuidv7(), tenant_id, refund_id, version, from_status, to_status: status, actor, actor_id };
    await this.database.run((manager) => manager.insert(RefundTransition, step));
  }

  /** Of all refunds of a payment, in the order in which they were taken. */
  steps(payment_id: string): Promise<RefundTransition[]> {
    return this.database.run((manager) =>
      manager
        .createQueryBuilder(RefundTransition, 'step')
        .where('step.refund_id IN (SELECT id FROM refunds WHERE payment_id = :payment_id)', { payment_id })
        .orderBy('step.id', 'ASC')
        .getMany(),
    );
  }

  /** When it is to be looked at next, unless it has ended meanwhile. */
  async schedule(id: string, wait_ms: number): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE refunds SET next_reconcile_at = now() + $2 * interval '1 millisecond'
         WHERE id = $1 AND status IN ('pending', 'requires_action') AND NOT needs_review`,
        [id, wait_ms],
      ),
    );
  }

  list({ owner_id, reference, ...filter }: RefundFilter, page: KeysetQuery): Promise<Keyset<Refund>> {
    return this.database.run((manager) => {
      const found = narrowed(manager.createQueryBuilder(Refund, 'refund'), filter);
      return keysetOf(ofPayments(found, { owner_id, reference }), page);
    });
  }

  /** For the owner's own copy of all there is. */
  pageOfOwner(owner_id: string, page: ExportPage): Promise<Refund[]> {
    return this.database.run((manager) =>
      exportPageOf(ofPayments(manager.createQueryBuilder(Refund, 'refund'), { owner_id }), page),
    );
  }

  /** Takes refunds that are due. */
  claimDue(limit: number, lease_ms: number, of: Provider): Promise<Claimed[]> {
    return claimDue(this.database, { table: 'refunds', of: THEIRS }, limit, lease_ms, of);
  }

  /** The provider was asked about it once more. */
  count(refund: Refund): Promise<void> {
    return countQuestion(this.database, 'refunds', refund);
  }

  /** Leaves of the refunds of a person's payments what the books need. */
  async erase(owner_id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE refunds SET reason = NULL, metadata = '{}'
         WHERE payment_id IN (SELECT id FROM payments WHERE owner_id = $1)`,
        [owner_id],
      ),
    );
  }
}
