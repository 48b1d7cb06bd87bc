import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Outbox } from './outbox.js';
import { OutboxDelivery } from './outbox/outbox-delivery.js';
import { OutboxRow } from './outbox/outbox.entity.js';
import { OutboxRepository } from './outbox/outbox.repository.js';

/** Writing to the outbox, and delivering a row of it. What moves the rows is in processes that work (`QueueModule`). */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([OutboxRow])],
  providers: [Outbox, OutboxDelivery, OutboxRepository],
  exports: [Outbox, OutboxDelivery, OutboxRepository],
})
export class OutboxModule {}
