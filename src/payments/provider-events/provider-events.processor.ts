import { Process, Processor } from '@nestjs/bull';
import type { Job } from 'bull';
import { OutboxDelivery } from '../../database/outbox/outbox-delivery.js';
import { DELIVERIES_AT_ONCE } from '../../database/outbox/outbox-dispatcher.js';
import type { Dispatch } from '../../database/outbox/outbox.repository.js';
import { WEBHOOKS } from './provider-events.service.js';

/** Takes what providers told us from the queue. A job says which row, and the row says the rest. */
@Processor(WEBHOOKS)
export class ProviderEventsProcessor {
  constructor(private readonly delivery: OutboxDelivery) {}

  @Process({ concurrency: DELIVERIES_AT_ONCE })
  deliver({ data }: Job<Dispatch>): Promise<void> {
    return this.delivery.deliver(data);
  }
}
