import { Logger } from '@nestjs/common';
import type { Queue } from 'bull';
import type { Redis } from 'ioredis';
import { Repeats } from '../common/repetitions.js';
import type { Consumption } from './queue-workers.js';

/** In vain for so many looks, and the process ends: whoever watches over it starts another. */
const LOOKS = 4;

class ConsumerStuckError extends Error {
  override readonly name = 'ConsumerStuckError';
}

/** A queue as its consumer has it, and the same over a connection that answers or fails soon. */
interface Watched {
  readonly consumer: Queue;
  readonly producer: Queue;
  readonly consumption: Consumption;
}

interface Seen {
  /** What was taken until the last look. */
  readonly taken: number;
  /** So many looks in a row have found jobs that wait, and a consumer that takes none. */
  readonly idle: number;
}

/**
 * A consumer waits for Redis as long as it takes, and so for ever on a connection that a network has forgotten without a
 * word. One that takes nothing though jobs wait gets new connections; where they do not help, the process ends.
 */
export class QueueWatchdog {
  private readonly logger = new Logger(QueueWatchdog.name);
  private readonly seen = new Map<Queue, Seen>();

  constructor(private readonly queues: readonly Watched[]) {}

  @Repeats({ what: 'Watching the queues', every: 'queue_watch_ms', waits_first: true })
  async look(): Promise<boolean> {
    for (const queue of this.queues) await this.lookAt(queue);
    return false;
  }

  /** What others take in the meantime makes a look a false alarm at times: new connections do no harm. */
  private async lookAt({ consumer, producer, consumption: { places, taken, busy } }: Watched): Promise<void> {
    const before = this.seen.get(consumer) ?? { taken: 0, idle: 0 };
    const waits = (await producer.getWaitingCount()) > 0 && !(await producer.isPaused());
    const idle = waits && taken === before.taken && busy < places ? before.idle + 1 : 0;
    this.seen.set(consumer, { taken, idle });
    // Jobs that came just before a look are no sign yet.
    if (idle < 2) return;
    this.logger.warn(`Queue ${consumer.name} waits and nothing is taken from it: connecting again`);
    if (idle >= LOOKS) endProcess(consumer.name);
    reconnect(consumer);
  }
}

/** Commands that were under way are sent again. */
function reconnect(queue: Queue): void {
  const { client, bclient } = queue as unknown as Record<'client' | 'bclient', Redis>;
  for (const connection of [bclient, client]) connection.disconnect(true);
}

/** As any error that nobody expected: told, everything else brought to its end, and a status that is not 0. */
function endProcess(queue: string): void {
  setImmediate(() => {
    throw new ConsumerStuckError(`Nothing is taken from queue ${queue}, whatever is tried`);
  });
}
