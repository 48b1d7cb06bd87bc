import { Injectable, Logger } from '@nestjs/common';
import { Condition } from '../../common/condition.js';
import { Outbox } from '../outbox.js';
import { GivenUpError, OutboxDelivery } from './outbox-delivery.js';
import { DELIVERIES_AT_ONCE, OutboxDispatcher } from './outbox-dispatcher.js';
import type { Dispatch } from './outbox.repository.js';

/** So many rows of one topic wait here at most. */
const PLACES = 100;

interface Lane {
  /** By row, in the order in which they came. */
  readonly waiting: Map<string, Dispatch>;
  busy: number;
}

/** Without Redis this process delivers what it claims, a few at once. What waits here when it ends is claimed again. */
@Injectable()
export class InProcessDispatcher extends OutboxDispatcher {
  private readonly condition = new Condition(new Logger(InProcessDispatcher.name), 'Delivering');
  private readonly lanes = new Map<string, Lane>();

  constructor(
    private readonly outbox: Outbox,
    private readonly delivery: OutboxDelivery,
  ) {
    super();
  }

  async room(topic: string): Promise<number> {
    return PLACES - this.lane(topic).waiting.size;
  }

  async hand(topic: string, dispatch: Dispatch): Promise<void> {
    const lane = this.lane(topic);
    lane.waiting.set(dispatch.id, dispatch);
    if (lane.busy < DELIVERIES_AT_ONCE) void this.work(topic, lane);
  }

  /** How many rows it has taken and not brought to an end. */
  get held(): number {
    return [...this.lanes.values()].reduce((sum, { waiting, busy }) => sum + waiting.size + busy, 0);
  }

  private async work(topic: string, lane: Lane): Promise<void> {
    lane.busy += 1;
    // Grows while it is walked through; each worker of the lane takes what the others have left.
    for (const [id, dispatch] of lane.waiting) {
      lane.waiting.delete(id);
      try {
        await this.delivery.deliver(dispatch);
        this.condition.works();
      } catch (error) {
        if (!(error instanceof GivenUpError)) this.condition.fails(error);
      }
    }
    lane.busy -= 1;
    // More may be due than there was room for.
    if (lane.busy === 0) this.outbox.wake(topic);
  }

  private lane(topic: string): Lane {
    const lane = this.lanes.get(topic) ?? { waiting: new Map(), busy: 0 };
    this.lanes.set(topic, lane);
    return lane;
  }
}
