import { Injectable } from '@nestjs/common';
import { tenantToList, type Principal } from '../../common/access.js';
import type { Keyset, KeysetQuery } from '../../common/pagination.js';
import { Database } from '../../database/database.js';
import { ProviderCalls } from '../gateways/provider-calls.js';
import type { ItemKind, ReconciliationItem } from './reconciliation-item.entity.js';
import { ReconciliationItemsRepository } from './reconciliation-items.repository.js';
import { ReconciliationRunsRepository, type ReconciliationRun } from './reconciliation-runs.repository.js';

/** Which items somebody asks for. */
export interface ItemsAsked extends KeysetQuery {
  readonly tenant_id?: string | undefined;
  readonly kind?: ItemKind | undefined;
  readonly open?: boolean | undefined;
}

/** What admins may know, and bring about, of the comparison with the provider. */
@Injectable()
export class ReconciliationService {
  constructor(
    private readonly database: Database,
    private readonly items: ReconciliationItemsRepository,
    private readonly runs: ReconciliationRunsRepository,
    private readonly calls: ProviderCalls,
  ) {}

  /**
   * What does not agree, newest first: of the own tenant, or of the one that a platform admin names. Who names none gets
   * what is of no tenant as well.
   */
  list(actor: Principal, { tenant_id, kind, open, ...page }: ItemsAsked): Promise<Keyset<ReconciliationItem>> {
    const tenant = tenantToList(actor, tenant_id);
    if (tenant === null) return Promise.resolve({ data: [], has_more: false });
    const ofNobody = actor.role === 'platform_admin' && tenant_id === undefined;
    const tenants = ofNobody ? [tenant, null] : [tenant];
    return this.database.asPrincipal(actor, () => this.items.list({ tenants, kind, open }, page));
  }

  /**
   * Has the provider's last two days compared with ours, soon. Where that waits already, it is not done twice.
   * @throws {ProviderMisconfiguredError} nobody takes money here.
   */
  request(): Promise<ReconciliationRun> {
    this.calls.assertTakesMoney();
    return this.runs.request();
  }
}
