import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Timings } from '../config/timings.js';
import { Database } from '../database/database.js';
import { OnTenantChange, type TenantChange } from './tenant-changes.js';
import type { Tenant } from './tenant.entity.js';
import { TenantsRepository } from './tenants.repository.js';

const ENTRIES = 128;

/**
 * The tenants that were looked at last, for whoever shows one. A change in this process is seen at once, another's within
 * seconds. Whoever decides asks the repository: whether a tenant is open, and what it may ask, are in the row of every
 * session that is looked up anyway, and must hold from the next request on; so must what is decided under the tenant's lock.
 */
@Injectable()
export class TenantCopies {
  private readonly copies: LRUCache<string, Tenant>;
  /** How many changes there were: what was read before one of them is not kept after it. */
  private changes = 0;

  constructor(
    private readonly tenants: TenantsRepository,
    private readonly database: Database,
    { tenant_copy_ms }: Timings,
  ) {
    this.copies = new LRUCache({ max: ENTRIES, ttl: tenant_copy_ms });
  }

  /** @returns null where there is none, which is not remembered. */
  async find(id: string): Promise<Readonly<Tenant> | null> {
    const copy = this.copies.get(id);
    if (copy) return copy;
    const before = this.changes;
    const tenant = await this.database.asSystem(() => this.tenants.find(id));
    if (tenant && before === this.changes) this.copies.set(id, tenant);
    return tenant;
  }

  @OnTenantChange({})
  async follow({ tenant: { id } }: TenantChange): Promise<void> {
    this.database.afterCommit(() => {
      this.changes += 1;
      this.copies.delete(id);
    });
  }
}
