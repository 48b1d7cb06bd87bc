import { Injectable } from '@nestjs/common';
import { AuditService, type AuditAction } from '../audit/audit.service.js';
import type { Principal } from '../common/access.js';
import { Database } from '../database/database.js';
import { Authority } from '../users/authority.js';
import { WebhookEndpointsRepository } from './endpoints.repository.js';
import type { WebhookEndpoint } from './webhook-endpoint.entity.js';

type EndpointAction = Extract<AuditAction, `webhook_endpoint_${string}`>;

/** What belongs to each decision about where a tenant's events go: the rights of that moment, and the trail. */
@Injectable()
export class EndpointDecisions {
  constructor(
    private readonly database: Database,
    private readonly authority: Authority,
    private readonly audit: AuditService,
    private readonly endpoints: WebhookEndpointsRepository,
  ) {}

  /**
   * One transaction, in which the tenant's admins decide one after the other.
   * @throws {InsufficientPermissionsError} the actor's rights were taken away while the request was under way.
   */
  decide<T>(actor: Principal, work: () => Promise<T>): Promise<T> {
    return this.database.asPrincipal(actor, () =>
      this.database.transaction(async () => {
        await this.authority.hold(actor);
        return work();
      }),
    );
  }

  /** The receiver has decided: at the address that was asked nobody wants to hear any more. */
  async disableGone({ id, tenant_id, url }: Pick<WebhookEndpoint, 'id' | 'tenant_id' | 'url'>): Promise<void> {
    await this.database.asTenant(tenant_id, () =>
      this.database.transaction(async () => {
        if (!(await this.endpoints.disableGone(id, url))) return;
        await this.record('webhook_endpoint_disabled', { id, tenant_id }, { changes: ['status'], reason: 'gone' });
      }),
    );
  }

  /** Joins the caller's transaction. */
  record(
    action: EndpointAction,
    { id, tenant_id }: Pick<WebhookEndpoint, 'id' | 'tenant_id'>,
    about: { readonly changes?: readonly string[]; readonly reason?: string } = {},
  ): Promise<void> {
    return this.audit.record({ tenant_id, action, subject: { type: 'webhook_endpoint', id }, ...about });
  }
}
