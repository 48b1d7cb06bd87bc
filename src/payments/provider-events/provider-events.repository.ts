import { Injectable } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import { WebhookEvent, type WebhookStatus } from './webhook-event.entity.js';

export type NewEvent = Pick<
  WebhookEvent,
  'tenant_id' | 'provider' | 'provider_event_id' | 'type' | 'object' | 'object_id' | 'livemode'
>;

/** An event as one delivery has left it. */
export interface BroughtEvent {
  readonly id: string;
  /** How often it was brought. */
  readonly deliveries: number;
  /** Whether this very delivery is what it is to be looked at for. */
  readonly fresh: boolean;
}

/** What was not looked at yet; it is never given up here: the outbox is what gives up. */
export interface InboxCounts {
  readonly pending: number;
  readonly dead: number;
  readonly oldest_pending_seconds: number | null;
}

/** Longer than any provider repeats itself. */
const KEPT = '35 days';

/** It was about nothing that is here, or the outbox has given it up. */
const CAME_TO_NOTHING = `(e.status = 'unmatched'
  OR e.status = 'received' AND e.received_at < now() - $9 * interval '1 millisecond')`;

/** What providers have told us. Joins the caller's transaction and scope. */
@Injectable()
export class ProviderEventsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Of an event that came to nothing, or was given up, another delivery is as good as the first: somebody wants it
   * looked at.
   * @param give_up_ms - after which nobody looks at what was received any more.
   * @returns whether it is to be looked at, and how often it was brought.
   */
  async insert(event: NewEvent, give_up_ms: number): Promise<BroughtEvent> {
    const { tenant_id, provider, provider_event_id, type, object, object_id, livemode } = event;
    const [row] = await this.database.run((manager) =>
      manager.query<[BroughtEvent]>(
        `INSERT INTO webhook_events AS e (id, tenant_id, provider, provider_event_id, type, object, object_id, livemode)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT ON CONSTRAINT webhook_events_provider_event_key DO UPDATE SET deliveries = e.deliveries + 1,
           status = CASE WHEN ${CAME_TO_NOTHING} THEN 'received' ELSE e.status END,
           processed_at = CASE WHEN ${CAME_TO_NOTHING} THEN NULL ELSE e.processed_at END,
           received_at = CASE WHEN ${CAME_TO_NOTHING} THEN now() ELSE e.received_at END
         RETURNING e.id, e.deliveries, e.received_at = now() AS fresh`,
        [uuidv7(), tenant_id, provider, provider_event_id, type, object, object_id, livemode, give_up_ms],
      ),
    );
    return row;
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
