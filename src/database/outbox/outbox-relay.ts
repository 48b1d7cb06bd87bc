import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { Condition } from '../../common/condition.js';
import { Finishes } from '../../common/lifecycle.js';
import { Timings } from '../../config/timings.js';
import { Outbox } from '../outbox.js';
import { OutboxDelivery } from './outbox-delivery.js';
import { OutboxDispatcher } from './outbox-dispatcher.js';
import { OutboxRepository, type Dispatch } from './outbox.repository.js';

/** So many rows are claimed by one statement. */
const BATCH = 100;

/**
 * Hands rows that are due to the dispatcher, in every process that works. One loop: rounds never overlap. Any number of
 * processes may do this at once.
 */
@Injectable()
export class OutboxRelay implements OnApplicationBootstrap {
  private readonly conditions = new Map<string, Condition>();
  private loop: Promise<void> | undefined;
  private hurried = false;
  private readonly woken = new Set<string>();
  private polled_at = -Infinity;
  private stopping = false;
  private endPause: (() => void) | undefined;

  constructor(
    private readonly outbox: Outbox,
    private readonly rows: OutboxRepository,
    private readonly delivery: OutboxDelivery,
    private readonly dispatcher: OutboxDispatcher,
    private readonly timings: Timings,
    private readonly checkpoints: Checkpoints,
  ) {}

  onApplicationBootstrap(): void {
    const logger = new Logger(OutboxRelay.name);
    for (const topic of this.delivery.topics)
      this.conditions.set(topic, new Condition(logger, `Handing over ${topic}`));
    this.outbox.onWake((topic) => this.wake(topic));
    this.loop = this.run();
  }

  @Finishes({})
  async stop(): Promise<void> {
    this.stopping = true;
    this.endPause?.();
    await this.loop;
  }

  private wake(topic: string): void {
    // What nobody here delivers waits for a process that does.
    if (!this.conditions.has(topic)) return;
    this.woken.add(topic);
    this.endPause?.();
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      const well = await this.round(this.turn());
      await this.pause(well);
    }
  }

  /** Whose turn it is: of those whom somebody has woken, and of all now and then, since a retry wakes nobody. */
  private turn(): string[] {
    const isPoll = performance.now() - this.polled_at >= this.timings.outbox_poll_ms;
    const topics = isPoll ? [...this.conditions.keys()] : [...this.woken];
    this.woken.clear();
    if (isPoll) this.polled_at = performance.now();
    return topics;
  }

  /** Every topic gets its turn, whatever becomes of the others. @returns whether all went well. */
  private async round(topics: readonly string[]): Promise<boolean> {
    let well = true;
    for (const topic of topics) {
      const condition = this.conditions.get(topic);
      try {
        await this.relay(topic);
        condition?.works();
      } catch (error) {
        condition?.fails(error);
        well = false;
      }
    }
    return well;
  }

  private async relay(topic: string): Promise<void> {
    await this.hurry();
    let full: boolean;
    do {
      const room = Math.min(await this.dispatcher.room(topic), BATCH);
      const claimed = room > 0 ? await this.rows.claim(topic, room, this.timings.outbox_redispatch_ms) : [];
      full = claimed.length === BATCH;
      if (claimed.length > 0) await this.handOver(topic, claimed);
    } while (full && !this.stopping);
  }

  private async handOver(topic: string, claimed: Dispatch[]): Promise<void> {
    await this.checkpoints.reach('outbox.claimed');
    const results = await Promise.allSettled(claimed.map((row) => this.dispatcher.hand(topic, row)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) {
      const refused = claimed.filter((_, index) => results[index]?.status === 'rejected');
      await this.rows.giveBack(refused, this.timings.outbox_poll_ms);
      throw failed.reason;
    }
    await this.checkpoints.reach('outbox.queued');
  }

  /** Once, at start: what waits for a later try is tried now, since whatever was in its way may be over. */
  private async hurry(): Promise<void> {
    if (!this.hurried) await this.rows.hurry([...this.conditions.keys()]);
    this.hurried = true;
  }

  /** Until somebody wakes us or the next poll; after a failure until the poll in any case. */
  private async pause(wakeable: boolean): Promise<void> {
    if (this.stopping || (wakeable && this.woken.size > 0)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.timings.outbox_poll_ms);
      this.endPause = () => {
        if (!wakeable && !this.stopping) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.endPause = undefined;
  }
}
