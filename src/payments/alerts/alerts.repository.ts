import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import type { ItemKind, ObjectType } from '../reconciliation/reconciliation-item.entity.js';
import type { Finding, ItemObject } from '../reconciliation/reconciliation-items.repository.js';

/** Something that somebody should know of, found by a question of our own tables. */
export interface Watch {
  readonly kind: ItemKind;
  readonly object_type: ObjectType;
  /** Gives object_id, tenant_id, payment_id, provider_object_id, expected and seen. */
  readonly question: string;
}

/** What is about to run out, or has: each question is answered by a small index. */
export const WATCHES: readonly Watch[] = [
  {
    // A day before the bank lets go of what it has reserved.
    kind: 'hold_expiring',
    object_type: 'payment',
    question: `SELECT id::text AS object_id, tenant_id, id AS payment_id, provider_payment_id AS provider_object_id,
        json_build_object('capture_before', capture_before) AS expected, json_build_object('status', status) AS seen
      FROM payments WHERE status = 'requires_capture' AND capture_before <= now() + interval '24 hours'
      ORDER BY capture_before`,
  },
  {
    // After a day the provider may have forgotten what was asked of it under our key.
    kind: 'stuck',
    object_type: 'request',
    question: `SELECT id::text AS object_id, tenant_id, payment_id, NULL AS provider_object_id,
        json_build_object('recovery_point', 'finished') AS expected, json_build_object('recovery_point', recovery_point) AS seen
      FROM idempotency_keys WHERE finished_at IS NULL AND created_at < now() - interval '22 hours' ORDER BY created_at`,
  },
  {
    kind: 'key_horizon_passed',
    object_type: 'operation',
    question: `SELECT o.id::text AS object_id, o.tenant_id, o.payment_id, p.provider_payment_id AS provider_object_id,
        json_build_object('operation', o.operation, 'post_until', o.post_until) AS expected,
        json_build_object('state', o.state, 'error_code', o.error_code) AS seen
      FROM provider_operations o JOIN payments p ON p.id = o.payment_id
      WHERE o.state IN ('sent', 'unknown') AND o.post_until < now() AND p.status = 'processing' ORDER BY o.post_until`,
  },
];

/** What can be set aside for a person, with what the provider calls it. */
const SET_ASIDE = [
  { object_type: 'payment', table: 'payments', payment_id: 'id', name: 'provider_payment_id' },
  { object_type: 'refund', table: 'refunds', payment_id: 'payment_id', name: 'provider_refund_id' },
  { object_type: 'dispute', table: 'disputes', payment_id: 'payment_id', name: 'provider_dispute_id' },
] as const;

/** As the question gives it. */
export type Found = Omit<ItemObject, 'object_type'> & Omit<Finding, 'kind'>;

/** Something that waits for a person, and why. */
export type SetAside = ItemObject & Omit<Finding, 'kind'> & { readonly review_reason: string | null };

/** Looks through our own tables for what somebody should know of. As system. */
@Injectable()
export class AlertsRepository {
  constructor(private readonly database: Database) {}

  find({ question }: Watch, limit: number): Promise<Found[]> {
    return this.query(`${question} LIMIT $1`, limit);
  }

  /** What waits for a person, and of which nothing was written down yet. */
  async setAside(limit: number): Promise<SetAside[]> {
    const questions = SET_ASIDE.map(({ object_type, table, payment_id, name }) =>
      this.query<SetAside>(
        `SELECT '${object_type}' AS object_type, review_reason, id::text AS object_id, tenant_id,
           ${payment_id} AS payment_id, ${name} AS provider_object_id, json_build_object('status', status) AS expected,
           json_build_object('reason', review_reason) AS seen
         FROM ${table} t WHERE needs_review AND NOT EXISTS (SELECT FROM reconciliation_items
           WHERE object_type = '${object_type}' AND object_id = t.id::text AND resolved_at IS NULL)
         ORDER BY id LIMIT $1`,
        limit,
      ),
    );
    return (await Promise.all(questions)).flat();
  }

  private query<Row>(sql: string, limit: number): Promise<Row[]> {
    return this.database.asSystem(() => this.database.run((manager) => manager.query<Row[]>(sql, [limit])));
  }
}
