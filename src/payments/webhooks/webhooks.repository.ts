import { Injectable } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import { WebhookEvent, type WebhookStatus } from './webhook-event.entity.js';

export type NewEvent = Pick<
  WebhookEvent,
  'tenant_id' | 'provider' | 'provider_event_id' | 'type' | 'object' | 'object_id' | 'livemode'
>;

/** What was not looked at yet; it is never given up here: the outbox is what gives up. */
export interface InboxCounts {
  readonly pending: number;
  readonly dead: number;
  readonly oldest_pending_seconds: number | null;
}

/** Longer than any provider repeats itself. */
const KEPT = '35 days';

/** What providers have told us. Joins the caller's transaction and scope. */
@Injectable()
export class WebhooksRepository {
  constructor(private readonly database: Database) {}

  /** @returns its id, and whether it is the first time that we hear of it. */
  async insert(event: NewEvent): Promise<{ id: string; first: boolean }> {
    const { tenant_id, provider, provider_event_id, type, object, object_id, livemode } = event;
    const id = uuidv7();
    const [row] = await this.database.run((manager) =>
      manager.query<{ id: string }[]>(
        `INSERT INTO webhook_events AS e (id, tenant_id, provider, provider_event_id, type, object, object_id, livemode)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT ON CONSTRAINT webhook_events_provider_event_key DO UPDATE SET deliveries = e.deliveries + 1
         RETURNING e.id`,
        [id, tenant_id, provider, provider_event_id, type, object, object_id, livemode],
      ),
    );
    return { id: row!.id, first: row!.id === id };
  }

  find(id: string): Promise<WebhookEvent | null> {
    return this.database.run((manager) => manager.findOneBy(WebhookEvent, { id }));
  }

  async end(id: string, status: Exclude<WebhookStatus, 'received'>): Promise<void> {
    await this.database.run((manager) => manager.update(WebhookEvent, { id }, { status, processed_at: new Date() }));
  }

  async counts(): Promise<InboxCounts> {
    const [counts] = await this.database.run((manager) =>
      manager.query<[InboxCounts]>(
        `SELECT count(*)::integer AS pending, 0 AS dead, extract(epoch FROM now() - min(received_at))::float8 AS oldest_pending_seconds
         FROM webhook_events WHERE processed_at IS NULL`,
      ),
    );
    return counts;
  }

  @DeletesExpired('webhook events')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'webhook_events', at: 'processed_at', kept: KEPT });
  }
}
