import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { ATTEMPTS_LOCK } from '../endpoints.repository.js';
import type { WebhookEndpoint } from '../webhook-endpoint.entity.js';
import type { WebhookDelivery } from './webhook-delivery.entity.js';

/** An attempt that has begun: the row is this attempt's as long as nobody begins another. */
export type Begun = Pick<
  WebhookDelivery,
  'id' | 'tenant_id' | 'event_id' | 'body' | 'key_id' | 'attempts' | 'series_began' | 'traceparent'
> & { readonly endpoint: Pick<WebhookEndpoint, 'id' | 'url' | 'secrets' | 'key_id' | 'previous_expires_at'> };

/** How an attempt has failed. */
export interface Failure {
  readonly last_status: number | null;
  readonly last_error: string | null;
}

/** So many attempts may be under way at once. */
export interface Bounds {
  /** In this process. */
  readonly room: number;
  /** In all processes together: who is slow holds up nobody else. */
  readonly per_endpoint: number;
  readonly per_tenant: number;
}

/** PostgreSQL's clock is the only one: workers may disagree about the time. */
const later = (parameter: number): string => `now() + $${parameter} * interval '1 millisecond'`;

/** Its time has come, and nobody is busy with it; a worker that died in the middle is waited for no longer than its lease. */
const DUE = `status = 'pending' AND next_attempt_at <= now() AND (lease_until IS NULL OR lease_until < now())`;

type BegunRow = Omit<Begun, 'endpoint'> & {
  readonly [Name in keyof Begun['endpoint'] as `endpoint_${Name}`]: Begun['endpoint'][Name];
};

/** What carries deliveries asks of the database, as system: to claim them, and to write down what came of it. */
@Injectable()
export class CourierRepository {
  constructor(private readonly database: Database) {}

  /**
   * Begins attempts of what is due, in turn: the first of each tenant before anybody's second. One process claims at a
   * time, so that the bounds hold for all of them.
   */
  async claim({ room, per_endpoint, per_tenant }: Bounds, lease_ms: number): Promise<Begun[]> {
    const rows = await this.database.asSystem(() =>
      this.database.transaction(async () => {
        await this.database.lock(ATTEMPTS_LOCK);
        return this.change<BegunRow>(
          `WITH busy AS MATERIALIZED (
             SELECT endpoint_id, tenant_id FROM webhook_deliveries WHERE lease_until >= now()
           ), candidates AS (
             SELECT d.id, d.tenant_id, d.next_attempt_at,
               coalesce(busy_at.places, 0) + row_number() OVER (PARTITION BY e.id ORDER BY d.next_attempt_at) AS place
             FROM webhook_endpoints e
             LEFT JOIN (SELECT endpoint_id, count(*) AS places FROM busy GROUP BY 1) busy_at ON busy_at.endpoint_id = e.id
             CROSS JOIN LATERAL (
               SELECT id, tenant_id, next_attempt_at FROM webhook_deliveries
               WHERE endpoint_id = e.id AND ${DUE} ORDER BY next_attempt_at LIMIT $2
             ) d WHERE e.status = 'enabled'
           ), seated AS (
             SELECT id, coalesce(busy_of.places, 0)
               + row_number() OVER (PARTITION BY c.tenant_id ORDER BY c.place, c.next_attempt_at) AS place
             FROM candidates c
             LEFT JOIN (SELECT tenant_id, count(*) AS places FROM busy GROUP BY 1) busy_of ON busy_of.tenant_id = c.tenant_id
             WHERE c.place <= $2
           ), due AS MATERIALIZED (
             SELECT d.id FROM webhook_deliveries d JOIN seated USING (id)
             WHERE seated.place <= $3 AND ${DUE}
             ORDER BY seated.place, d.next_attempt_at LIMIT $1 FOR UPDATE OF d SKIP LOCKED
           )
           UPDATE webhook_deliveries d SET attempts = d.attempts + 1, lease_until = ${later(4)}
           FROM due, webhook_endpoints e WHERE d.id = due.id AND e.id = d.endpoint_id
           RETURNING d.id, d.tenant_id, d.event_id, d.body, d.key_id, d.attempts, d.series_began,
             d.traceparent, e.id AS endpoint_id,
             e.url AS endpoint_url, e.secrets AS endpoint_secrets, e.key_id AS endpoint_key_id,
             e.previous_expires_at AS endpoint_previous_expires_at`,
          [room, per_endpoint, per_tenant, lease_ms],
        );
      }),
    );
    return rows.map(begun);
  }

  async delivered({ id, attempts }: Begun, last_status: number): Promise<void> {
    await this.system(
      `UPDATE webhook_deliveries SET status = 'delivered', delivered_at = now(), last_status = $3, last_error = NULL,
         next_attempt_at = NULL, lease_until = NULL
       WHERE id = $1 AND attempts = $2 AND status = 'pending' RETURNING id`,
      [id, attempts, last_status],
    );
  }

  /**
   * Somebody may have wanted it sent again meanwhile: then this was the last attempt of nothing, and it is due.
   * @param retry_ms - null: that was the last attempt.
   * @returns whether it is dead now.
   */
  async failed(
    { id, attempts, series_began }: Begun,
    { last_status, last_error }: Failure,
    retry_ms: number | null,
  ): Promise<boolean> {
    const [row] = await this.system<{ dead: boolean }>(
      `UPDATE webhook_deliveries SET last_status = $3, last_error = $4, lease_until = NULL,
         status = CASE WHEN $5::float8 IS NULL AND series_began = $6 THEN 'dead' ELSE 'pending' END,
         next_attempt_at = CASE WHEN series_began = $6 THEN ${later(5)} ELSE now() END
       WHERE id = $1 AND attempts = $2 AND status = 'pending' RETURNING status = 'dead' AS dead`,
      [id, attempts, last_status, last_error, retry_ms, series_began],
    );
    return row?.dead ?? false;
  }

  /** Whoever claims next takes it up. */
  async release({ id, attempts }: Begun): Promise<void> {
    await this.system(
      `UPDATE webhook_deliveries SET lease_until = NULL WHERE id = $1 AND attempts = $2 AND status = 'pending' RETURNING id`,
      [id, attempts],
    );
  }

  private system<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    return this.database.asSystem(() => this.change<Row>(sql, parameters));
  }

  private async change<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    const [rows] = await this.database.run((manager) => manager.query<[Row[], number]>(sql, parameters));
    return rows;
  }
}

const begun = (row: BegunRow): Begun => ({
  id: row.id,
  tenant_id: row.tenant_id,
  event_id: row.event_id,
  body: row.body,
  key_id: row.key_id,
  attempts: row.attempts,
  series_began: row.series_began,
  traceparent: row.traceparent,
  endpoint: {
    id: row.endpoint_id,
    url: row.endpoint_url,
    secrets: row.endpoint_secrets,
    key_id: row.endpoint_key_id,
    previous_expires_at: row.endpoint_previous_expires_at,
  },
});
