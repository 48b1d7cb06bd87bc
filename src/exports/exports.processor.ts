import { Process, Processor } from '@nestjs/bull';
import type { Job } from 'bull';
import { OutboxDelivery } from '../database/outbox/outbox-delivery.js';
import type { Dispatch } from '../database/outbox/outbox.repository.js';
import { EXPORT } from './exports.service.js';

/** Takes exports from the queue, one at a time: each holds a connection of the database for as long as it takes. */
@Processor(EXPORT)
export class ExportsProcessor {
  constructor(private readonly delivery: OutboxDelivery) {}

  @Process({ concurrency: 1 })
  deliver({ data }: Job<Dispatch>): Promise<void> {
    return this.delivery.deliver(data);
  }
}
