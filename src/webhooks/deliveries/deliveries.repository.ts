import { Injectable } from '@nestjs/common';
import type { Keyset, KeysetQuery } from '../../common/pagination.js';
import type { ExportPage } from '../../common/personal-data.js';
import { Database } from '../../database/database.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import { exportPageOf, keysetOf } from '../../database/keyset.js';
import { WebhookDelivery } from './webhook-delivery.entity.js';

export type NewDelivery = Pick<
  WebhookDelivery,
  'id' | 'tenant_id' | 'endpoint_id' | 'event_id' | 'type' | 'subject_id' | 'body' | 'key_id' | 'traceparent'
>;

export interface DeliveryCounts {
  readonly pending: number;
  /** Given up; an admin of the tenant can have them sent again. */
  readonly dead: number;
  /** How long the oldest one has been waiting that goes to an enabled endpoint. */
  readonly oldest_pending_seconds: number | null;
}

/** So long somebody can look at what was sent, and have it sent again; then it is forgotten, with what it says of people. */
const KEPT = '30 days';

/** Every question about deliveries but who carries them. Joins the caller's transaction and scope. */
@Injectable()
export class WebhookDeliveriesRepository {
  constructor(private readonly database: Database) {}

  /** Does nothing when the endpoint already has a delivery of this event. */
  async insert(delivery: NewDelivery): Promise<void> {
    await this.database.run((manager) =>
      manager
        .createQueryBuilder()
        .insert()
        .into(WebhookDelivery)
        .values(delivery)
        .orIgnore()
        .updateEntity(false)
        .execute(),
    );
  }

  list(endpoint_id: string, query: KeysetQuery): Promise<Keyset<WebhookDelivery>> {
    return this.database.run((manager) =>
      keysetOf(manager.createQueryBuilder(WebhookDelivery, 'delivery').where({ endpoint_id }), query),
    );
  }

  page(subject_id: string, page: ExportPage): Promise<WebhookDelivery[]> {
    return this.database.run((manager) =>
      exportPageOf(manager.createQueryBuilder(WebhookDelivery, 'delivery').where({ subject_id }), page),
    );
  }

  /** Makes it due, and its patience new. @returns null when there is none. */
  resend(id: string): Promise<WebhookDelivery | null> {
    return this.database.run(async (manager) => {
      await manager.query(
        `UPDATE webhook_deliveries
         SET status = 'pending', next_attempt_at = now(), series_began = attempts, delivered_at = NULL WHERE id = $1`,
        [id],
      );
      return manager.findOneBy(WebhookDelivery, { id });
    });
  }

  /** Until the caller's transaction ends nobody else writes down, or erases, what is told of this person. */
  holdSubject(subject_id: string): Promise<void> {
    return this.database.lock(`webhook-deliveries:${subject_id}`);
  }

  async erase(subject_id: string): Promise<void> {
    await this.database.run((manager) => manager.delete(WebhookDelivery, { subject_id }));
  }

  async counts(): Promise<DeliveryCounts> {
    const [counts] = await this.database.run((manager) =>
      manager.query<[DeliveryCounts]>(
        `SELECT (SELECT count(*)::integer FROM webhook_deliveries WHERE status = 'dead') AS dead,
           count(*)::integer AS pending,
           extract(epoch FROM now() - min(d.created_at) FILTER (WHERE e.status = 'enabled'))::float8 AS oldest_pending_seconds
         FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id WHERE d.status = 'pending'`,
      ),
    );
    return counts;
  }

  /** Whatever became of it: nothing is tried for so long, unless its endpoint has been disabled all the time. */
  @DeletesExpired('webhook deliveries')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'webhook_deliveries', at: 'created_at', kept: KEPT });
  }
}
