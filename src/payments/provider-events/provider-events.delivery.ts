import { Injectable } from '@nestjs/common';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { DeliversOutbox, type OutboxMessage } from '../../database/outbox.js';
import { PaymentGateway } from '../gateways/payment.gateway.js';
import { ProviderNews } from '../recovery/provider-news.js';
import type { WebhookEvent } from './webhook-event.entity.js';
import { ProviderEventsRepository } from './provider-events.repository.js';
import { WEBHOOKS } from './provider-events.service.js';

/** It tells of a payment that is not there, or not there yet: looked at again later. */
class EarlyEventError extends Error {
  override readonly name = 'EarlyEventError';
}

/** Looks at what an event is about: asks the provider for the object, whatever the event said, and follows it. */
@Injectable()
export class ProviderEventsDelivery {
  constructor(
    private readonly database: Database,
    private readonly events: ProviderEventsRepository,
    private readonly gateway: PaymentGateway,
    private readonly news: ProviderNews,
    private readonly timings: Timings,
  ) {}

  /** @throws the provider is away, or the payment is not there yet: the outbox tries again. */
  @DeliversOutbox(WEBHOOKS)
  async deliver({ payload }: OutboxMessage<{ event_id: string }>, signal: AbortSignal): Promise<void> {
    await this.database.asSystem(async () => {
      const event = await this.events.find(payload.event_id);
      if (event?.status === 'received') await this.events.end(event.id, await this.process(event, signal));
    });
  }

  private async process(event: WebhookEvent, signal: AbortSignal): Promise<'processed' | 'ignored' | 'unmatched'> {
    const { provider, object, object_id, received_at } = event;
    if (provider !== this.gateway.config.provider) return 'ignored';
    const tooLate = AbortSignal.timeout(this.timings.provider_timeout_ms);
    const heard = await this.news.hear(object, object_id, AbortSignal.any([signal, tooLate]), 'webhook');
    if (heard !== 'unmatched') return heard;
    if (Date.now() - received_at.getTime() < this.timings.webhook_unmatched_ms) throw new EarlyEventError();
    return 'unmatched';
  }
}
