import { BullModule, getQueueToken } from '@nestjs/bull';
import { Module, type DynamicModule } from '@nestjs/common';
import type { Queue } from 'bull';
import type { Settings } from '../config/settings.js';
import { InProcessDispatcher } from '../database/outbox/in-process.dispatcher.js';
import { OutboxDelivery } from '../database/outbox/outbox-delivery.js';
import { OutboxDispatcher } from '../database/outbox/outbox-dispatcher.js';
import { OutboxRelay } from '../database/outbox/outbox-relay.js';
import type { Dispatch } from '../database/outbox/outbox.repository.js';
import { BullDispatcher } from './bull.dispatcher.js';
import { QUEUE_PREFIX } from './keys.js';
import { QueueBoard } from './queue-board.js';
import { QueueWatchdog } from './queue-watchdog.js';
import { QueueWorkers } from './queue-workers.js';
import { RedisClients } from './redis-clients.js';
import { hasRedis } from './redis.module.js';

/** One for each topic of the outbox; its `@Processor` is in a module of its own. */
const QUEUES = ['mail', 'recovery', 'export', 'payments', 'webhooks'];

/** How soon a worker asks Redis again after an error. */
const RETRY_MS = 1_000;

/** The same queue as seen by who adds: over a connection that fails at once instead of waiting. */
const producerOf = (name: string): string => `${name}:add`;

/** What moves the outbox: the relay, and the way from it to those who deliver. For processes that work. */
@Module({})
export class QueueModule {
  static for(settings: Settings): DynamicModule {
    return hasRedis(settings) ? QueueModule.overBull() : QueueModule.inProcess();
  }

  private static inProcess(): DynamicModule {
    return {
      module: QueueModule,
      providers: [OutboxRelay, { provide: OutboxDispatcher, useClass: InProcessDispatcher }],
    };
  }

  private static overBull(): DynamicModule {
    return {
      module: QueueModule,
      imports: [
        BullModule.registerQueueAsync(...QUEUES.map(consumer)),
        BullModule.registerQueueAsync(...QUEUES.map(producer)),
      ],
      providers: [
        OutboxRelay,
        {
          provide: OutboxDispatcher,
          inject: QUEUES.map((name) => getQueueToken(producerOf(name))),
          useFactory: (...queues: Queue<Dispatch>[]) => new BullDispatcher(queues),
        },
        {
          provide: QueueWorkers,
          inject: [OutboxDelivery, ...QUEUES.map((name) => getQueueToken(name))],
          useFactory: (delivery: OutboxDelivery, ...queues: Queue[]) => new QueueWorkers(queues, delivery),
        },
        {
          provide: QueueWatchdog,
          inject: [QueueWorkers, ...QUEUES.map((name) => getQueueToken(producerOf(name)))],
          useFactory: ({ consumed }: QueueWorkers, ...producers: Queue[]) =>
            new QueueWatchdog(
              [...consumed].map(([consumer, consumption]) => {
                const producer = producers.find(({ name }) => name === consumer.name)!;
                return { consumer, producer, consumption };
              }),
            ),
        },
        {
          provide: QueueBoard,
          inject: QUEUES.map((name) => getQueueToken(producerOf(name))),
          useFactory: (...queues: Queue[]) => new QueueBoard(queues),
        },
      ],
    };
  }
}

type QueueOptions = Parameters<typeof BullModule.registerQueueAsync>[number];

const consumer = (name: string): QueueOptions => ({
  name,
  inject: [RedisClients],
  useFactory: (clients: RedisClients) => ({
    prefix: QUEUE_PREFIX,
    createClient: (type) => clients.forWorker(type),
    settings: { retryProcessDelay: RETRY_MS },
  }),
});

const producer = (name: string): QueueOptions => ({
  name: producerOf(name),
  inject: [RedisClients],
  useFactory: (clients: RedisClients) => ({ name, prefix: QUEUE_PREFIX, createClient: () => clients.commands }),
});
