import { Injectable, Logger } from '@nestjs/common';
import type { Principal } from '../common/access.js';
import { Measures, type Sample } from '../common/measures.js';
import type { Standing } from '../common/request-context.js';
import { Limiter } from '../limits/limiter.js';
import { perMinute } from '../limits/policies.js';
import { DEFAULT_TENANT_ID } from './tenant.entity.js';

/** A tenant that has used so much of its quota is about to feel it. */
const APPROACHING = 0.8;

/** How much the users of a tenant may ask together, so that none of them is slowed down by another tenant's. */
@Injectable()
export class TenantQuota {
  private readonly logger = new Logger(TenantQuota.name);
  /** The tenants that somebody was warned of, and until when that is enough. */
  private readonly warned = new Map<string, number>();
  private warnings = 0;

  constructor(private readonly limiter: Limiter) {}

  /**
   * Counts a request of whoever is known by now. Strangers share the default tenant, and must not bar each other: it has
   * a quota only when a number was set for it.
   * @throws {RateLimitedError} the tenant has asked too much.
   */
  async take({ tenant_id, requests_per_minute }: Pick<Principal, 'tenant_id' | 'requests_per_minute'>): Promise<void> {
    if (tenant_id === DEFAULT_TENANT_ID && requests_per_minute === null) return;
    const rate = requests_per_minute === null ? undefined : perMinute(requests_per_minute);
    for (const standing of await this.limiter.take({ tenant: { subject: tenant_id, rate } })) {
      if (standing.limit - standing.remaining >= APPROACHING * standing.limit) await this.warn(tenant_id, standing);
    }
  }

  @Measures({ name: 'omni_quota_warnings', help: 'Warnings of tenants that approached their quota, since the start' })
  measure(): Sample[] {
    return [{ value: this.warnings }];
  }

  /** Once in each window, over all processes; nobody in particular has used the quota up. */
  private async warn(tenant_id: string, { window_ms }: Standing): Promise<void> {
    const now = performance.now();
    if ((this.warned.get(tenant_id) ?? 0) > now) return;
    for (const [id, until] of this.warned) if (until <= now) this.warned.delete(id);
    this.warned.set(tenant_id, now + window_ms);
    const { first, again_ms } = await this.limiter.claim('quota-warning', tenant_id, window_ms);
    this.warned.set(tenant_id, now + again_ms);
    if (!first) return;
    this.warnings += 1;
    this.logger.warn({ msg: 'Rate limit approaching for tenant', tenant_id, user_id: undefined });
  }
}
