import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import type { PageQuery, Total } from '../common/pagination.js';
import { Database } from '../database/database.js';
import { pageOf } from '../database/page.js';
import type { TenantFields } from './tenant-changes.js';
import { Tenant, type TenantStatus } from './tenant.entity.js';

export interface TenantListQuery extends PageQuery {
  readonly status?: TenantStatus | undefined;
  readonly tenant_id?: string | undefined;
}

/** Every question that the product asks about tenants. */
@Injectable()
export class TenantsRepository {
  constructor(private readonly database: Database) {}

  find(id: string): Promise<Tenant | null> {
    return this.database.run((manager) => manager.findOneBy(Tenant, { id }));
  }

  /** The newest first, ids breaking ties. */
  list(query: TenantListQuery): Promise<Total & { data: Tenant[] }> {
    const { status, tenant_id } = query;
    return this.database.run((manager) => {
      const found = manager.createQueryBuilder(Tenant, 'tenant').where('true');
      if (status) found.andWhere('tenant.status = :status', { status });
      if (tenant_id) found.andWhere('tenant.id = :tenant_id', { tenant_id });
      return pageOf(manager, found.orderBy('tenant.created_at', 'DESC').addOrderBy('tenant.id', 'DESC'), query);
    });
  }

  /** @throws {TenantNameTakenError} another tenant has this name, also when two race for it. */
  async insert(tenant: Tenant): Promise<void> {
    await this.database.run((manager) => manager.insert(Tenant, tenant));
  }

  /**
   * Changes a tenant that is still at `version`, and raises it by one.
   * @returns the tenant after the change; null when there is none at that version any more.
   * @throws {TenantNameTakenError} another tenant has this name.
   */
  update(id: string, version: number, changes: TenantFields): Promise<Tenant | null> {
    return this.database.run(async (manager) => {
      const { affected } = await manager.update(Tenant, { id, version }, { ...changes, version: version + 1 });
      return affected === 1 ? manager.findOneBy(Tenant, { id }) : null;
    });
  }

  /** Which of these are active. */
  async filterActive(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const active = await this.database.run((manager) =>
      manager.find(Tenant, { select: { id: true }, where: { id: In(ids), status: 'active' } }),
    );
    return new Set(active.map(({ id }) => id));
  }

  /**
   * Holds these tenants' rows until the caller's transaction ends, so that decisions about them and their members come
   * one after the other. Taken in the order of ids: two callers never wait for each other.
   * @returns the tenants as they are now, as far as they exist within the caller's scope.
   */
  async lock(ids: readonly string[]): Promise<Tenant[]> {
    if (ids.length === 0) return [];
    return this.database.run((manager) =>
      manager.find(Tenant, { where: { id: In(ids) }, order: { id: 'ASC' }, lock: { mode: 'pessimistic_write' } }),
    );
  }
}
