import { Injectable } from '@nestjs/common';
import { AuditService, type AuditAction } from '../audit/audit.service.js';
import type { Principal } from '../common/access.js';
import type { Page } from '../common/pagination.js';
import { uuidv7 } from '../common/uuid.js';
import { Database } from '../database/database.js';
import { TenantChanges, type TenantFields } from './tenant-changes.js';
import { TenantCopies } from './tenant-copies.js';
import { DEFAULT_TENANT_ID, Tenant } from './tenant.entity.js';
import { TenantNotFoundError } from './tenants.errors.js';
import { TenantsRepository, type TenantListQuery } from './tenants.repository.js';

/** Organisations: made, changed and closed by platform admins, who see them all. */
@Injectable()
export class TenantsService {
  constructor(
    private readonly tenants: TenantsRepository,
    private readonly copies: TenantCopies,
    private readonly changes: TenantChanges,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /** A page of all tenants, or the one that is named. */
  async list(query: TenantListQuery): Promise<Page<Tenant>> {
    const { page, per_page } = query;
    return { ...(await this.database.asSystem(() => this.tenants.list(query))), page, per_page };
  }

  /**
   * To be shown: it may be a few seconds old where another process has changed it.
   * @throws {TenantNotFoundError}
   */
  async get(id: string): Promise<Readonly<Tenant>> {
    const tenant = await this.copies.find(id);
    if (!tenant) throw new TenantNotFoundError(id);
    return tenant;
  }

  /**
   * Makes a tenant, in which nobody is yet: its first admin is invited.
   * @throws {TenantNameTakenError} another tenant has this name, also when two race for it.
   * @throws {InsufficientPermissionsError} the platform admin is one no more.
   */
  async create(actor: Principal, given: TenantFields & Pick<Tenant, 'name'>): Promise<Tenant> {
    const tenant = newTenant(given);
    await this.within(async () => {
      await this.changes.announce({ actor, tenant, changes: {} });
      await this.tenants.insert(tenant);
      await this.record('tenant_created', tenant);
    });
    return tenant;
  }

  /**
   * Fields that are left out stay as they are. Whoever belongs to a tenant that is disabled is refused from the next
   * request on, and comes in again once it is active.
   * @throws {TenantNotFoundError}
   * @throws {TenantNameTakenError} another tenant has this name.
   * @throws {LastAdminError} no platform admin would be left who can come in.
   * @throws {InsufficientPermissionsError} the platform admin is one no more.
   */
  update(actor: Principal, id: string, requested: TenantFields): Promise<Tenant> {
    return this.within(async () => {
      const closes = requested.status === 'disabled';
      const held = await this.tenants.lock([id, actor.tenant_id, ...(closes ? [DEFAULT_TENANT_ID] : [])]);
      const tenant = held.find((one) => one.id === id);
      if (!tenant) throw new TenantNotFoundError(id);
      const changes = differences(tenant, requested);
      if (Object.keys(changes).length === 0) return tenant;
      await this.changes.announce({ actor, tenant, changes });
      const changed = await this.tenants.update(id, tenant.version, changes);
      if (!changed) throw new TenantNotFoundError(id);
      for (const [action, names] of eventsOf(changes)) await this.record(action, changed, names);
      return changed;
    });
  }

  private record(action: AuditAction, { id }: Tenant, changes: readonly string[] = []): Promise<void> {
    return this.audit.record({ tenant_id: id, action, subject: { type: 'tenant', id }, changes });
  }

  private within<T>(work: () => Promise<T>): Promise<T> {
    return this.database.asSystem(() => this.database.transaction(work));
  }
}

function newTenant({
  name,
  status = 'active',
  requests_per_minute = null,
}: TenantFields & Pick<Tenant, 'name'>): Tenant {
  const now = new Date();
  const rest = { version: 1, created_at: now, updated_at: now };
  return Object.assign(new Tenant(), { id: uuidv7(), name, status, requests_per_minute, ...rest } satisfies Tenant);
}

/** Only what is really to change: repeating what is there already asks for nothing. */
function differences(tenant: Tenant, { name, status, requests_per_minute }: TenantFields): TenantFields {
  const asked = Object.entries({ name, status, requests_per_minute });
  return Object.fromEntries(
    asked.filter(([field, value]) => value !== undefined && value !== tenant[field as keyof TenantFields]),
  );
}

/** One event for each kind of change, so that the trail tells them apart. */
function eventsOf({ status, ...rest }: TenantFields): [AuditAction, string[]][] {
  const events: [AuditAction, string[]][] = [];
  if (status) events.push([status === 'active' ? 'tenant_enabled' : 'tenant_disabled', ['status']]);
  if (Object.keys(rest).length > 0) events.push(['tenant_updated', Object.keys(rest)]);
  return events;
}
