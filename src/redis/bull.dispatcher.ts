import type { Queue } from 'bull';
import { OutboxDispatcher } from '../database/outbox/outbox-dispatcher.js';
import type { Dispatch } from '../database/outbox/outbox.repository.js';

/** So many jobs of one topic wait in Redis at most. */
const PLACES = 1_000;

/**
 * Hands rows over as Bull jobs, each a row's id and nothing more. Retries are the outbox's business: a job is tried once
 * and leaves no trace, unless its row is given up with it. Bull ignores the id of a job that it still knows, so that each attempt has an id of its own, and
 * what waits in Redis is not there twice.
 */
export class BullDispatcher extends OutboxDispatcher {
  private readonly queues: ReadonlyMap<string, Queue<Dispatch>>;

  constructor(queues: readonly Queue<Dispatch>[]) {
    super();
    this.queues = new Map(queues.map((queue) => [queue.name, queue]));
  }

  async room(topic: string): Promise<number> {
    return PLACES - (await this.queue(topic).getWaitingCount());
  }

  async hand(topic: string, { id, dispatch }: Dispatch): Promise<void> {
    const options = { jobId: `${id}:${dispatch}`, attempts: 1, removeOnComplete: true, removeOnFail: true };
    await this.queue(topic).add({ id, dispatch }, options);
  }

  private queue(topic: string): Queue<Dispatch> {
    const queue = this.queues.get(topic);
    if (!queue) throw new Error(`There is no queue for ${topic}`);
    return queue;
  }
}
