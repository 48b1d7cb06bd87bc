import { Injectable } from '@nestjs/common';
import { Measures, type Sample } from '../../common/measures.js';
import type { Keyset, KeysetQuery } from '../../common/pagination.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import { keysetOf } from '../../database/keyset.js';
import type { GatewayConfig } from '../gateways/payment.gateway.js';
import { ITEM_KINDS, ReconciliationItem, type ItemKind, type ObjectType } from './reconciliation-item.entity.js';

/** What an item is about. */
export type ItemObject = Pick<
  ReconciliationItem,
  'tenant_id' | 'object_type' | 'object_id' | 'payment_id' | 'provider_object_id'
>;

/** What was found out about it. */
export type Finding = Pick<ReconciliationItem, 'kind' | 'expected' | 'seen'>;

/** Something open, as far as it must be known to look at it again. */
export type OpenItem = Pick<ReconciliationItem, 'id' | 'kind' | 'object_id' | 'payment_id' | 'provider_object_id'>;

/** Who has what nobody here knows, as an item tells it. */
export const provenance = ({ provider, livemode }: GatewayConfig): { provider: string; livemode: string } => ({
  provider,
  livemode: String(livemode),
});

export interface ItemFilter {
  /** Whose; with null those of no tenant. */
  readonly tenants: readonly (string | null)[];
  readonly kind?: ItemKind | undefined;
  readonly open?: boolean | undefined;
}

/** How long one that was resolved is kept. */
const KEPT = '400 days';

/** Every question about what does not agree. Joins the caller's transaction and scope; whoever writes does so as system. */
@Injectable()
export class ReconciliationItemsRepository {
  constructor(private readonly database: Database) {}

  /** Opens an item, or notes that it is so still. @returns whether it is new. */
  see(object: ItemObject, finding: Finding): Promise<boolean> {
    return this.write(
      object,
      finding,
      'UPDATE SET last_seen = now(), expected = excluded.expected, seen = excluded.seen',
    );
  }

  /** Opens an item unless there is one: who has asked the provider meanwhile knows better. @returns whether it is new. */
  note(object: ItemObject, finding: Finding): Promise<boolean> {
    return this.write(object, finding, 'NOTHING');
  }

  private async write(object: ItemObject, { kind, expected, seen }: Finding, where_open: string): Promise<boolean> {
    const { tenant_id, object_type, object_id, payment_id, provider_object_id } = object;
    const id = uuidv7();
    const [row] = await this.database.run((manager) =>
      manager.query<{ id: string }[]>(
        `INSERT INTO reconciliation_items AS i
           (id, tenant_id, kind, object_type, object_id, payment_id, provider_object_id, expected, seen)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (kind, object_type, object_id) WHERE resolved_at IS NULL
         DO ${where_open}
         RETURNING i.id`,
        [
          id,
          tenant_id,
          kind,
          object_type,
          object_id,
          payment_id,
          provider_object_id,
          expected && JSON.stringify(expected),
          seen && JSON.stringify(seen),
        ],
      ),
    );
    return row?.id === id;
  }

  /** Closes what is open of these kinds about one object, but for `still`. @returns how many. */
  resolve(
    { object_type, object_id }: Pick<ItemObject, 'object_type' | 'object_id'>,
    kinds: readonly ItemKind[],
    still: readonly ItemKind[],
  ): Promise<number> {
    return this.close('object_type = $1 AND object_id = $2 AND kind = ANY($3) AND kind <> ALL($4)', [
      object_type,
      object_id,
      kinds,
      still,
    ]);
  }

  /** Closes what is open of a kind about objects that are not among `still`. @returns how many. */
  resolveOthers(kind: ItemKind, object_type: ObjectType, still: readonly string[]): Promise<number> {
    return this.close('kind = $1 AND object_type = $2 AND object_id <> ALL($3)', [kind, object_type, still]);
  }

  /**
   * What is open about such objects: a page, in the order of ids.
   * @param whose - of this provider and mode alone: where no payment of ours is known, what was seen tells whose it is.
   */
  open(object_type: ObjectType, after: string | null, limit: number, whose: GatewayConfig | null): Promise<OpenItem[]> {
    const { provider, livemode } = whose ? provenance(whose) : { provider: null, livemode: null };
    return this.database.run((manager) =>
      manager.query<OpenItem[]>(
        `SELECT i.id, i.kind, i.object_id, i.payment_id, i.provider_object_id
         FROM reconciliation_items i LEFT JOIN payments p ON p.id = i.payment_id
         WHERE i.resolved_at IS NULL AND i.object_type = $1 AND ($2::uuid IS NULL OR i.id > $2) AND ($4::text IS NULL OR (
           coalesce(p.provider, i.seen ->> 'provider', $4) = $4
           AND coalesce(p.livemode::text, i.seen ->> 'livemode', $5) = $5
         )) ORDER BY i.id LIMIT $3`,
        [object_type, after, limit, provider, livemode],
      ),
    );
  }

  list({ tenants, kind, open }: ItemFilter, page: KeysetQuery): Promise<Keyset<ReconciliationItem>> {
    return this.database.run((manager) => {
      const found = manager.createQueryBuilder(ReconciliationItem, 'item');
      const ofNobody = tenants.includes(null) ? ' OR item.tenant_id IS NULL' : '';
      const named = tenants.filter((tenant) => tenant !== null);
      found.where(`(item.tenant_id = ANY(:named)${ofNobody})`, { named });
      if (kind !== undefined) found.andWhere('item.kind = :kind', { kind });
      if (open !== undefined) found.andWhere(`item.resolved_at IS ${open ? '' : 'NOT '}NULL`);
      return keysetOf(found, page);
    });
  }

  /** How many are open, by kind. */
  @Measures({ name: 'omni_reconciliation_items_open', help: 'What does not agree, by kind', labels: ['kind'] })
  async openByKind(): Promise<Sample[]> {
    const rows = await this.database.asSystem(() =>
      this.database.run((manager) =>
        manager.query<{ kind: ItemKind; count: number }[]>(
          'SELECT kind, count(*)::integer AS count FROM reconciliation_items WHERE resolved_at IS NULL GROUP BY kind',
        ),
      ),
    );
    const counts = new Map(rows.map(({ kind, count }) => [kind, count]));
    return ITEM_KINDS.map((kind) => ({ value: counts.get(kind) ?? 0, labels: { kind } }));
  }

  @DeletesExpired('reconciliation items')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'reconciliation_items', at: 'resolved_at', kept: KEPT });
  }

  private close(condition: string, parameters: unknown[]): Promise<number> {
    return this.change(
      `UPDATE reconciliation_items SET resolved_at = now() WHERE resolved_at IS NULL AND ${condition} RETURNING id`,
      parameters,
    );
  }

  private async change(sql: string, parameters: unknown[]): Promise<number> {
    const [rows] = await this.database.run((manager) => manager.query<[unknown[], number]>(sql, parameters));
    return rows.length;
  }
}
