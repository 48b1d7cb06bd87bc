import { Injectable } from '@nestjs/common';
import { ROLES, type Principal, type Role } from '../common/access.js';
import { OnTenantChange, type TenantChange } from '../tenants/tenant-changes.js';
import { DEFAULT_TENANT_ID, type Tenant } from '../tenants/tenant.entity.js';
import { LastAdminError } from '../tenants/tenants.errors.js';
import { TenantsRepository } from '../tenants/tenants.repository.js';
import type { User } from './user.entity.js';
import { InsufficientPermissionsError } from './users.errors.js';
import { UsersRepository } from './users.repository.js';

const IN_CHARGE: readonly Role[] = ['admin', 'platform_admin'];

/** Somebody who decides, and the tenants whose rows are held meanwhile. */
export interface Held {
  /** As of now; null when gone or disabled, or of a tenant that is. */
  readonly user: User | null;
  readonly tenants: readonly Tenant[];
}

/**
 * Who may decide, at the moment of the decision, and that somebody is left who may. Rows of tenants serve as the locks,
 * since they are in PostgreSQL wherever the users are: whoever decides about others holds the row of the own tenant, and
 * nobody takes an admin's rights away, or closes a tenant, without holding the row of that one.
 */
@Injectable()
export class Authority {
  constructor(
    private readonly users: UsersRepository,
    private readonly tenants: TenantsRepository,
  ) {}

  /**
   * Keeps somebody's rights as they are until the caller's transaction ends.
   * @param beside - tenants that the decision is about.
   */
  async look(who: Pick<User, 'id' | 'tenant_id'>, beside: readonly string[] = []): Promise<Held> {
    const tenants = await this.tenants.lock([who.tenant_id, ...beside]);
    const isOpen = tenants.some(({ id, status }) => id === who.tenant_id && status === 'active');
    const user = isOpen ? await this.users.find(who.id) : null;
    return { user: user?.status === 'active' ? user : null, tenants };
  }

  /**
   * Makes sure that whoever asks still may what the session said when the request began, and keeps it so until the
   * caller's transaction ends. What was given meanwhile does not count yet.
   * @returns the tenants that the decision is about, as far as they exist within the caller's scope.
   * @throws {InsufficientPermissionsError} rights were taken away while the request was under way.
   */
  async hold(actor: Principal, beside: readonly string[] = []): Promise<readonly Tenant[]> {
    const { user, tenants } = await this.look(actor, beside);
    if (!user || ROLES.indexOf(user.role) < ROLES.indexOf(actor.role)) throw new InsufficientPermissionsError();
    return tenants;
  }

  /**
   * What a change to this user waits for: that nobody else decides about the same tenant's admins, or the platform's
   * where the user is one, and that the actor's rights are those of now. A plain user's own account is nobody else's affair.
   * @returns whether anything was waited for, so that the user may be another by now.
   * @throws {InsufficientPermissionsError} the actor's rights were taken away meanwhile.
   */
  async holdFor(actor: Principal, user: User): Promise<boolean> {
    // Of others' accounts the tenant's always: a plain user may be made an admin, upon whom the last one would go.
    const concerned = user.role === 'user' && actor.id === user.id ? [] : [user.tenant_id];
    if (user.role === 'platform_admin') concerned.push(DEFAULT_TENANT_ID);
    if (actor.id !== user.id) await this.hold(actor, concerned);
    else await this.tenants.lock(concerned);
    return actor.id !== user.id || concerned.length > 0;
  }

  /**
   * Call between {@link holdFor} and the change.
   * @param after - role and status that the user is to have; null when the account goes.
   * @throws {LastAdminError} nobody active would be left in charge, of the tenant or of the installation.
   */
  async assertSomebodyStays(user: User, after: Pick<User, 'role' | 'status'> | null): Promise<void> {
    if (user.role === 'user' || user.status !== 'active') return;
    const active = after?.status === 'active';
    if (user.role === 'platform_admin' && !(active && after.role === 'platform_admin')) {
      await this.assertPlatformKeeps((one) => one.id !== user.id);
    }
    if (active && IN_CHARGE.includes(after.role)) return;
    if ((await this.users.countActive(IN_CHARGE, user.tenant_id)) <= 1) throw new LastAdminError();
  }

  /** Tenants are for platform admins, and closing one must leave a platform admin who can open it again. */
  @OnTenantChange({})
  async beforeTenantChange({ actor, tenant, changes }: TenantChange): Promise<void> {
    await this.hold(actor);
    if (changes.status === 'disabled') await this.assertPlatformKeeps((one) => one.tenant_id !== tenant.id);
  }

  /** A platform admin whose tenant is closed cannot come in, and so is in charge of nothing. */
  private async assertPlatformKeeps(stays: (chief: User) => boolean): Promise<void> {
    const chiefs = (await this.users.listActive('platform_admin')).filter(stays);
    const open = await this.tenants.filterActive(chiefs.map(({ tenant_id }) => tenant_id));
    if (!chiefs.some(({ tenant_id }) => open.has(tenant_id))) throw new LastAdminError();
  }
}

/** An admin gives roles within the own tenant, and only a platform admin makes another. */
export function mayGrant(by: Pick<User, 'role' | 'tenant_id'>, role: Role, tenant_id: string): boolean {
  if (by.role === 'platform_admin') return true;
  return by.role === 'admin' && by.tenant_id === tenant_id && role !== 'platform_admin';
}
