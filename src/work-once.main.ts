import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { AppLogger } from './common/logging/app-logger.js';
import { Repetitions } from './common/repetitions.js';
import { commandSettings } from './config/command-settings.js';
import { Timings } from './config/timings.js';
import type { InProcessDispatcher } from './database/outbox/in-process.dispatcher.js';
import { OutboxDelivery } from './database/outbox/outbox-delivery.js';
import { OutboxDispatcher } from './database/outbox/outbox-dispatcher.js';
import { OutboxRepository } from './database/outbox/outbox.repository.js';

/** How often it is looked whether the outbox is empty. */
const LOOK_MS = 50;

/**
 * `npm run work:once`: does all that is due, as a worker would, and ends: for a scheduler, where nothing runs between the
 * requests. What fails is due later, and the next one's. It needs PostgreSQL and the mail server, and may run beside any
 * number of workers.
 */
const settings = { ...commandSettings(), PROCESS_ROLE: 'worker' as const, REDIS_URL: undefined, OPS_PORT: 0 };
const app = await NestFactory.createApplicationContext(AppModule.for(settings, new Timings({ drain_ms: 0 })), {
  logger: new AppLogger(settings),
  abortOnError: false,
});
const [repetitions, rows] = [app.get(Repetitions), app.get(OutboxRepository)];
const [dispatcher, delivery] = [app.get<InProcessDispatcher>(OutboxDispatcher), app.get(OutboxDelivery)];

const isBusy = async (): Promise<boolean> => dispatcher.held > 0 || rows.isAnyDue(delivery.topics);

let stopping = false;
const stop = (): void => {
  stopping = true;
  repetitions.end();
};
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);
try {
  // What is delivered may make something else due, and the other way round.
  for (let begun = -1; begun !== delivery.begun && !stopping;) {
    begun = delivery.begun;
    await repetitions.exhaust();
    while (!stopping && (await isBusy())) await sleep(LOOK_MS);
  }
} finally {
  await app.close();
}
