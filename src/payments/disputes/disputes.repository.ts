import { Injectable } from '@nestjs/common';
import type { Keyset, KeysetQuery } from '../../common/pagination.js';
import type { ExportPage } from '../../common/personal-data.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { exportPageOf, keysetOf } from '../../database/keyset.js';
import type { Mover } from '../charges/transition.entity.js';
import { narrowed, ofPayments, type MoneyFilter } from '../payments.repository.js';
import { DisputeTransition } from './dispute-transition.entity.js';
import { Dispute } from './dispute.entity.js';

/** Which disputes of the scope; what is left out does not narrow them. */
export interface DisputeFilter extends MoneyFilter {
  readonly status?: string | undefined;
  readonly payment_id?: string | undefined;
}

/** Every question about disputes. Joins the caller's transaction and scope; writers hold the payment's lock. */
@Injectable()
export class DisputesRepository {
  constructor(private readonly database: Database) {}

  async insert(dispute: Dispute): Promise<void> {
    await this.database.run((manager) => manager.insert(Dispute, dispute));
  }

  find(id: string): Promise<Dispute | null> {
    return this.database.run((manager) => manager.findOneBy(Dispute, { id }));
  }

  findByProvider(provider: string, provider_dispute_id: string): Promise<Dispute | null> {
    return this.database.run((manager) =>
      manager.findOneBy(Dispute, { provider: provider as Dispute['provider'], provider_dispute_id }),
    );
  }

  /** Whether one is open, or has taken the money for good: whoever gives it back then pays twice. */
  isAnyOpen(payment_id: string): Promise<boolean> {
    const where = [
      { payment_id, closed: false },
      { payment_id, funds: 'withdrawn' as const },
    ];
    return this.database.run((manager) => manager.existsBy(Dispute, where));
  }

  /** The status that stands for all disputes of a payment: of the newest that is open, else of the newest. */
  async statusOf(payment_id: string): Promise<string | null> {
    const [first] = await this.database.run((manager) =>
      manager.find(Dispute, { where: { payment_id }, order: { closed: 'ASC', id: 'DESC' }, take: 1 }),
    );
    return first?.status ?? null;
  }

  /** Writes all that may change of a dispute. */
  async save(dispute: Dispute): Promise<void> {
    const { id, reason: _never, ...rest } = dispute;
    const changes = { ...rest, updated_at: new Date() };
    await this.database.run((manager) => manager.update(Dispute, { id }, changes));
    dispute.updated_at = changes.updated_at;
  }

  /** Writes down that the dispute has reached its status and version. */
  async step(
    { id: dispute_id, tenant_id, version, status, funds }: Dispute,
    from_status: string | null,
    { actor, actor_id = null }: Mover,
  ): Promise<void> {
    const step = { id: uuidv7(), tenant_id, dispute_id, version, from_status, to_status: status, funds };
    await this.database.run((manager) => manager.insert(DisputeTransition, { ...step, actor, actor_id }));
  }

  /** Of all disputes of a payment, in the order in which they were taken. */
  steps(payment_id: string): Promise<DisputeTransition[]> {
    return this.database.run((manager) =>
      manager
        .createQueryBuilder(DisputeTransition, 'step')
        .where('step.dispute_id IN (SELECT id FROM disputes WHERE payment_id = :payment_id)', { payment_id })
        .orderBy('step.id', 'ASC')
        .getMany(),
    );
  }

  list({ owner_id, reference, ...filter }: DisputeFilter, page: KeysetQuery): Promise<Keyset<Dispute>> {
    return this.database.run((manager) => {
      const found = narrowed(manager.createQueryBuilder(Dispute, 'dispute'), filter);
      return keysetOf(ofPayments(found, { owner_id, reference }), page);
    });
  }

  /** For the owner's own copy of all there is. */
  pageOfOwner(owner_id: string, page: ExportPage): Promise<Dispute[]> {
    return this.database.run((manager) =>
      exportPageOf(ofPayments(manager.createQueryBuilder(Dispute, 'dispute'), { owner_id }), page),
    );
  }

  /** What payers have complained of. */
  async erase(owner_id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE disputes SET reason = NULL WHERE payment_id IN (SELECT id FROM payments WHERE owner_id = $1)`,
        [owner_id],
      ),
    );
  }
}
