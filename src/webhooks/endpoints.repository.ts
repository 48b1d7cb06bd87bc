import { Injectable } from '@nestjs/common';
import type { PageQuery, Total } from '../common/pagination.js';
import { Database } from '../database/database.js';
import { pageOf } from '../database/page.js';
import type { Subscription } from './event-types.js';
import { WebhookEndpoint } from './webhook-endpoint.entity.js';

/** Whoever begins attempts has it: one process at a time. */
export const ATTEMPTS_LOCK = 'webhook-deliveries';

type Changes = Partial<Omit<WebhookEndpoint, 'id' | 'tenant_id' | 'created_at' | 'updated_at'>>;

/** Every question about endpoints. Joins the caller's transaction and scope. */
@Injectable()
export class WebhookEndpointsRepository {
  constructor(private readonly database: Database) {}

  async insert(endpoint: WebhookEndpoint): Promise<void> {
    await this.database.run((manager) => manager.insert(WebhookEndpoint, endpoint));
  }

  find(id: string): Promise<WebhookEndpoint | null> {
    return this.database.run((manager) => manager.findOneBy(WebhookEndpoint, { id }));
  }

  /** Holds the row until the caller's transaction ends. */
  lock(id: string): Promise<WebhookEndpoint | null> {
    return this.database.run((manager) =>
      manager.findOne(WebhookEndpoint, { where: { id }, lock: { mode: 'pessimistic_write' } }),
    );
  }

  /** A page of one tenant's, the newest first. */
  list(tenant_id: string, query: PageQuery): Promise<Total & { data: WebhookEndpoint[] }> {
    return this.database.run((manager) =>
      pageOf(
        manager,
        manager
          .createQueryBuilder(WebhookEndpoint, 'endpoint')
          .where({ tenant_id })
          .orderBy('endpoint.created_at', 'DESC')
          .addOrderBy('endpoint.id', 'DESC'),
        query,
      ),
    );
  }

  count(tenant_id: string): Promise<number> {
    return this.database.run((manager) => manager.countBy(WebhookEndpoint, { tenant_id }));
  }

  /** The tenant's enabled ones that have one of these subscriptions; none goes until the caller's transaction ends. */
  async findSubscribed(tenant_id: string, subscriptions: readonly Subscription[]): Promise<string[]> {
    const rows = await this.database.run((manager) =>
      manager.query<{ id: string }[]>(
        `SELECT id FROM webhook_endpoints
         WHERE tenant_id = $1 AND status = 'enabled' AND events && $2::text[] ORDER BY id FOR KEY SHARE`,
        [tenant_id, subscriptions],
      ),
    );
    return rows.map(({ id }) => id);
  }

  /** @returns the endpoint after the change, which must be there. */
  update(id: string, changes: Changes): Promise<WebhookEndpoint> {
    return this.database.run(async (manager) => {
      await manager.update(WebhookEndpoint, { id }, { ...changes, updated_at: new Date() });
      return manager.findOneByOrFail(WebhookEndpoint, { id });
    });
  }

  /** Until the caller's transaction ends no attempt begins, anywhere. */
  holdAttempts(): Promise<void> {
    return this.database.lock(ATTEMPTS_LOCK);
  }

  /**
   * The receiver wants to hear no more.
   * @param url - what was asked: an address that was exchanged meanwhile has said nothing.
   * @returns whether it was enabled until now.
   */
  async disableGone(id: string, url: string): Promise<boolean> {
    const { affected } = await this.database.run((manager) =>
      manager.update(
        WebhookEndpoint,
        { id, url, status: 'enabled' },
        { status: 'disabled', disabled_reason: 'gone', updated_at: new Date() },
      ),
    );
    return affected === 1;
  }

  /** Makes everything due that waits for it. */
  async hurry(id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE webhook_deliveries SET next_attempt_at = now() WHERE endpoint_id = $1 AND status = 'pending'`,
        [id],
      ),
    );
  }

  /** With its deliveries. @returns whether there was one. */
  async delete(id: string): Promise<boolean> {
    const { affected } = await this.database.run((manager) => manager.delete(WebhookEndpoint, { id }));
    return affected === 1;
  }
}
