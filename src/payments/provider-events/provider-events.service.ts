import { Injectable } from '@nestjs/common';
import { RouteNotFoundError } from '../../common/http-errors.js';
import { Backlog } from '../../common/probes.js';
import { requestContext } from '../../common/request-context.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { Outbox } from '../../database/outbox.js';
import { Limiter } from '../../limits/limiter.js';
import { clientNetwork } from '../../limits/subjects.js';
import { DEFAULT_TENANT_ID } from '../../tenants/tenant.entity.js';
import { PaymentGateway, type ProviderEvent } from '../gateways/payment.gateway.js';
import { ProviderEventsRepository, type InboxCounts } from './provider-events.repository.js';

/** The outbox's topic, and the queue, of what providers told us. */
export const WEBHOOKS = 'webhooks';

type Headers = Readonly<Record<string, unknown>>;

/** The door for what the payment provider tells us. */
@Injectable()
export class ProviderEventsService {
  constructor(
    private readonly gateway: PaymentGateway,
    private readonly limiter: Limiter,
    private readonly database: Database,
    private readonly events: ProviderEventsRepository,
    private readonly outbox: Outbox,
    private readonly timings: Timings,
  ) {}

  /** How much of what providers told us was not looked at yet, for operators. */
  @Backlog('inbox')
  counts(): Promise<InboxCounts> {
    return this.database.asSystem(() => this.events.counts());
  }

  /**
   * Writes down that the provider told us something; what about is looked at behind the answer. Told twice is told once,
   * but where the first time has come to nothing.
   * @param body - the very bytes that came.
   * @throws {RouteNotFoundError} the provider is not in force here.
   * @throws {WebhookSignatureInvalidError} it is not from the provider, or not of this moment.
   * @throws {RateLimitedError}
   */
  async receive(provider: string, body: Buffer, headers: Headers): Promise<void> {
    if (this.gateway.config.provider !== provider) throw new RouteNotFoundError();
    const event = await this.read(provider, body, headers);
    if (!event) return;
    const { id: provider_event_id, type, object, object_id, livemode } = event;
    const tenant_id = event.tenant_id ?? DEFAULT_TENANT_ID;
    await this.database.asSystem(() =>
      this.database.transaction(async () => {
        const row = { tenant_id, provider, provider_event_id, type, object, object_id, livemode };
        const { id, deliveries, fresh } = await this.events.insert(row, this.timings.outbox_give_up_ms);
        if (!fresh) return;
        // The key of the first time is still there.
        const dedupe_key = deliveries === 1 ? id : `${id}:${deliveries}`;
        await this.outbox.add({ topic: WEBHOOKS, dedupe_key, tenant_id, payload: { event_id: id } });
      }),
    );
  }

  /** What is not the provider's counts against where it comes from: else anybody could use up the provider's room. */
  private async read(provider: string, body: Buffer, headers: Headers): Promise<ProviderEvent | null> {
    let event: ProviderEvent | null;
    try {
      event = this.gateway.readWebhook(body, headers);
    } catch (error) {
      await this.limiter.take({ webhooks: `${provider} ${clientNetwork(requestContext()?.ip ?? '')}` });
      throw error;
    }
    await this.limiter.take({ webhooks: provider });
    return event;
  }
}
