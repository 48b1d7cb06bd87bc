import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Condition } from '../../common/condition.js';
import { Finishes } from '../../common/lifecycle.js';
import { Repeats, Repetitions } from '../../common/repetitions.js';
import { Timings } from '../../config/timings.js';
import { Courier } from './courier.js';
import { CourierRepository } from './courier.repository.js';

/** So many attempts run at once: those of who is slow fill neither a tenant's places nor a process's. */
const PER_ENDPOINT = 4;
const PER_TENANT = 16;
const PER_PROCESS = 64;

/** Claims deliveries that are due and has them carried, in every process that works. No Redis is needed for that. */
@Injectable()
export class WebhooksWorker {
  private readonly condition = new Condition(new Logger(WebhooksWorker.name), 'Writing down what became of webhooks');
  private readonly ending = new AbortController();
  private readonly running = new Set<Promise<void>>();

  constructor(
    private readonly rows: CourierRepository,
    private readonly courier: Courier,
    private readonly repetitions: Repetitions,
    private readonly timings: Timings,
  ) {}

  /** Waits for what is under way; what takes too long is broken off, and somebody else's then. */
  @Finishes({})
  async finish(tooLate: AbortSignal): Promise<void> {
    tooLate.addEventListener('abort', () => this.ending.abort());
    await this.repetitions.stopped();
    await Promise.allSettled(this.running);
  }

  /**
   * Nobody waits here for who is slow: as soon as one attempt ends, its place is given away.
   * @returns whether something was begun, or is under way.
   */
  @Repeats({ what: 'Sending webhooks', every: 'webhook_poll_ms' })
  async round(stopping: AbortSignal): Promise<boolean> {
    const room = PER_PROCESS - this.running.size;
    const bounds = { room, per_endpoint: PER_ENDPOINT, per_tenant: PER_TENANT };
    const claimed = room > 0 ? await this.rows.claim(bounds, this.timings.webhook_lease_ms) : [];
    for (const delivery of claimed) {
      const carrying = this.courier.carry(delivery, this.ending.signal).then(
        () => this.condition.works(),
        (error: unknown) => this.condition.fails(error),
      );
      const ended = carrying.finally(() => this.running.delete(ended));
      this.running.add(ended);
    }
    if (claimed.length > 0) return true;
    if (this.running.size === 0) return false;
    const poll = sleep(this.timings.webhook_poll_ms, undefined, { signal: stopping, ref: false });
    await Promise.race([...this.running, poll.catch(() => undefined)]);
    return true;
  }
}
