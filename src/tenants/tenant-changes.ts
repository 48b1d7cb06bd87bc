import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Principal } from '../common/access.js';
import { Hooks } from '../common/hooks.js';
import type { Tenant } from './tenant.entity.js';

export type TenantFields = Partial<Pick<Tenant, 'name' | 'status' | 'requests_per_minute'>>;

/** What is about to become of a tenant. */
export interface TenantChange {
  readonly actor: Principal;
  /** As it is; as it is to be, where it is new. */
  readonly tenant: Tenant;
  readonly changes: TenantFields;
}

/**
 * Marks a method that must hear of every change to a tenant before it is written, within the same transaction, and may
 * refuse it by throwing. The rows of the tenant and of the default one are held where the change closes it.
 */
export const OnTenantChange = DiscoveryService.createDecorator<Record<never, never>>();

type Listener = (change: TenantChange) => Promise<void>;

/** Asks the other features, so that tenants need not know who lives in them. */
@Injectable()
export class TenantChanges {
  constructor(private readonly hooks: Hooks) {}

  /** Joins the caller's transaction. */
  async announce(change: TenantChange): Promise<void> {
    for (const { handle } of this.hooks.find<Record<never, never>, Listener>(OnTenantChange)) await handle(change);
  }
}
