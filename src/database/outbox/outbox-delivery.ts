import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { backoff } from '../../common/backoff.js';
import { Condition, errorLabel } from '../../common/condition.js';
import { Hooks } from '../../common/hooks.js';
import { Finishes } from '../../common/lifecycle.js';
import { traced } from '../../common/trace.js';
import { Timings } from '../../config/timings.js';
import { DeliversOutbox, Outbox, type OutboxMessage } from '../outbox.js';
import { OutboxRepository, type BegunRow, type Dispatch } from './outbox.repository.js';

type Deliver = (message: OutboxMessage, signal: AbortSignal) => Promise<void>;

/** So often a delivery may end the process that makes it, or be ended with it, before it is not made any more. */
const STALLS = 5;

/** The row is dead: whoever handed it over has nothing to wait for. */
export class GivenUpError extends Error {
  override readonly name = 'GivenUpError';
}

class StalledError extends Error {
  override readonly name = 'StalledError';
}

interface Topic {
  readonly deliver: Deliver;
  readonly condition: Condition;
}

/** Delivers one row: whichever way it was handed over, and however often. */
@Injectable()
export class OutboxDelivery {
  private readonly logger = new Logger(OutboxDelivery.name);
  /** What is under way, and how to break it off. */
  private readonly running = new Map<Promise<void>, AbortController>();
  /** How many deliveries were begun here. */
  begun = 0;
  private known: ReadonlyMap<string, Topic> | undefined;
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly outbox: Outbox,
    private readonly rows: OutboxRepository,
    private readonly hooks: Hooks,
    private readonly timings: Timings,
  ) {}

  /** The topics that somebody here delivers. */
  get topics(): string[] {
    return [...this.deliverers().keys()];
  }

  /**
   * Does nothing when the dispatch was used or is void. What goes wrong outside is written down at the row.
   * @throws {GivenUpError} that was the last attempt, until somebody asks for another.
   * @throws when PostgreSQL is away: the row comes again.
   */
  async deliver(dispatch: Dispatch): Promise<void> {
    if (this.stopped) return;
    const ending = new AbortController();
    // Ends with a margin before the lease does: afterwards the row may be somebody else's.
    const lease = setTimeout(() => ending.abort(), this.timings.outbox_lease_ms * 0.75);
    const attempt = this.attempt(dispatch, ending.signal);
    this.running.set(attempt, ending);
    try {
      await attempt;
    } finally {
      clearTimeout(lease);
      this.running.delete(attempt);
    }
  }

  /** Begins nothing more and waits for what runs; what takes too long is broken off and tried again. */
  @Finishes({})
  stop(tooLate: AbortSignal): Promise<void> {
    this.stopped ??= this.finish(tooLate);
    return this.stopped;
  }

  private async attempt(dispatch: Dispatch, signal: AbortSignal): Promise<void> {
    const row = await this.rows.begin(dispatch, this.timings.outbox_lease_ms);
    if (!row) return;
    this.begun += 1;
    const topic = this.deliverers().get(row.topic);
    try {
      if (row.stalls >= STALLS) throw new StalledError();
      if (!topic) throw new Error(`Nobody delivers ${row.topic}`);
      const { id, tenant_id, subject_id, created_at, traceparent: parent } = row;
      const message = { id, tenant_id, subject_id, created_at, payload: this.outbox.unseal(row) };
      const step = { name: `deliver ${row.topic}`, kind: 'consumer', parent } as const;
      await traced(step, () => topic.deliver(message, signal));
    } catch (error) {
      topic?.condition.fails(error);
      const dead = await this.record(() => this.failed(row, error), signal);
      if (dead) throw new GivenUpError(`After ${row.attempts} attempts: ${errorLabel(error)}`);
      return;
    }
    topic.condition.works();
    await this.record(() => this.rows.sent(row), signal);
  }

  /** @returns whether it was given up. */
  private async failed(row: BegunRow, error: unknown): Promise<boolean> {
    const { outbox_backoff_ms, outbox_backoff_max_ms, outbox_give_up_ms } = this.timings;
    const wait_ms = backoff(row.attempts, outbox_backoff_ms, outbox_backoff_max_ms);
    const limit_ms = error instanceof StalledError ? 0 : outbox_give_up_ms;
    const dead = await this.rows.failed(row, errorLabel(error), wait_ms, limit_ms);
    if (dead) this.logger.error(`Gave up ${row.topic} ${row.id} after ${row.attempts} attempts: ${errorLabel(error)}`);
    return dead;
  }

  /** What has happened outside is not undone by PostgreSQL being away: as long as the row is ours, it is told again. */
  private async record<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (signal.aborted) throw error;
      }
      await sleep(this.timings.outbox_poll_ms);
    }
  }

  private async finish(tooLate: AbortSignal): Promise<void> {
    tooLate.addEventListener('abort', () => {
      for (const ending of this.running.values()) ending.abort();
    });
    await Promise.allSettled(this.running.keys());
  }

  private deliverers(): ReadonlyMap<string, Topic> {
    return (this.known ??= this.findDeliverers());
  }

  private findDeliverers(): ReadonlyMap<string, Topic> {
    const topics = new Map<string, Topic>();
    for (const { options: topic, handle } of this.hooks.find<string, Deliver>(DeliversOutbox)) {
      if (topics.has(topic)) throw new Error(`Two methods deliver ${topic}`);
      topics.set(topic, { deliver: handle, condition: new Condition(this.logger, `Delivering ${topic}`) });
    }
    return topics;
  }
}
