import { Injectable } from '@nestjs/common';
import { tenantToList, type Principal } from '../../common/access.js';
import type { Keyset } from '../../common/pagination.js';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../../common/personal-data.js';
import { Backlog } from '../../common/probes.js';
import { Database } from '../../database/database.js';
import { WebhookEndpointsService } from '../endpoints.service.js';
import type { WebhookDeliveryQuery } from './deliveries.dto.js';
import { WebhookDeliveryNotFoundError } from './deliveries.errors.js';
import { WebhookDeliveriesRepository, type DeliveryCounts } from './deliveries.repository.js';
import type { WebhookDelivery } from './webhook-delivery.entity.js';

/** That somebody was told of, when and whether it has arrived; what was told is a copy of other things. */
export type ExportedDelivery = Pick<WebhookDelivery, 'id' | 'type' | 'status' | 'created_at' | 'delivered_at'>;

/** What became of events that an integrator wanted to hear of. */
@Injectable()
export class WebhookDeliveriesService {
  constructor(
    private readonly deliveries: WebhookDeliveriesRepository,
    private readonly endpoints: WebhookEndpointsService,
    private readonly database: Database,
  ) {}

  /**
   * A part of one endpoint's deliveries, newest first; nothing where another tenant is named than the endpoint's.
   * @throws {WebhookEndpointNotFoundError} none within reach.
   * @throws {ValidationError} both directions at once.
   */
  async list(actor: Principal, endpoint_id: string, query: WebhookDeliveryQuery): Promise<Keyset<WebhookDelivery>> {
    const { tenant_id } = await this.endpoints.get(actor, endpoint_id);
    const named = tenantToList(actor, query.tenant_id ?? tenant_id);
    if (named?.toLowerCase() !== tenant_id) return { data: [], has_more: false };
    return this.database.asTenant(tenant_id, () => this.deliveries.list(endpoint_id, query));
  }

  /**
   * Sends it again, whatever became of it: with the same id and body, and as patiently as the first time.
   * @throws {WebhookDeliveryNotFoundError} none within reach.
   */
  async resend(actor: Principal, id: string): Promise<WebhookDelivery> {
    const delivery = await this.database.asPrincipal(actor, () => this.deliveries.resend(id));
    if (!delivery) throw new WebhookDeliveryNotFoundError(id);
    return delivery;
  }

  /** How much waits, for operators. */
  @Backlog('webhook_deliveries')
  counts(): Promise<DeliveryCounts> {
    return this.database.asSystem(() => this.deliveries.counts());
  }

  /** What was told of this person, and what was going to be. Joins the transaction that deletes the account. */
  @ErasesPersonalData({ tables: ['webhook_deliveries'] })
  async erase(subject_id: string): Promise<void> {
    await this.database.asSystem(async () => {
      await this.deliveries.holdSubject(subject_id);
      await this.deliveries.erase(subject_id);
    });
  }

  /** To whom is the tenant's affair. */
  @ExportsPersonalData({ part: 'webhook_deliveries', tables: ['webhook_deliveries'] })
  async export(subject_id: string, page: ExportPage): Promise<ExportedDelivery[]> {
    const deliveries = await this.deliveries.page(subject_id, page);
    return deliveries.map(({ id, type, status, created_at, delivered_at }) => {
      return { id, type, status, created_at, delivered_at };
    });
  }
}
