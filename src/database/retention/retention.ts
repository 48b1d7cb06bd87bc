import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Condition } from '../../common/condition.js';
import { endsWithin } from '../../common/deadline.js';
import { Hooks } from '../../common/hooks.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../database.js';
import { DeletesExpired } from './expired.js';

/** So many rows go by one statement: it holds its locks for moments. */
const BATCH = 500;

type Delete = (limit: number) => Promise<number>;

/** Deletes what has had its time (`@DeletesExpired`), now and then, in every process that works. */
@Injectable()
export class Retention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Retention.name);
  private readonly ending = new AbortController();
  private readonly conditions = new Map<string, Condition>();
  private loop: Promise<void> | undefined;

  constructor(
    private readonly hooks: Hooks,
    private readonly database: Database,
    private readonly timings: Timings,
  ) {}

  onApplicationBootstrap(): void {
    this.loop = this.run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.ending.abort();
    if (this.loop) await endsWithin(this.timings.shutdown_ms / 4, this.loop);
  }

  /** Deletes all that is over by now. One kind that fails keeps none of the others. @returns how many rows of each. */
  async sweep(): Promise<Record<string, number>> {
    const deleted: Record<string, number> = {};
    for (const { options: what, handle } of this.hooks.find<string, Delete>(DeletesExpired)) {
      try {
        deleted[what] = await this.database.asSystem(() => this.deleteAll(handle));
        this.conditionOf(what).works();
      } catch (error) {
        this.conditionOf(what).fails(error);
      }
    }
    return deleted;
  }

  private async deleteAll(handle: Delete): Promise<number> {
    let all = 0;
    let rows = BATCH;
    while (rows === BATCH && !this.ending.signal.aborted) {
      rows = await handle(BATCH);
      all += rows;
    }
    return all;
  }

  private conditionOf(what: string): Condition {
    const known = this.conditions.get(what) ?? new Condition(this.logger, `Deleting expired ${what}`);
    this.conditions.set(what, known);
    return known;
  }

  private async run(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      // Not all processes at once, and none while it starts.
      const wait_ms = this.timings.retention_ms * (0.5 + Math.random());
      await sleep(wait_ms, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.sweep();
    }
  }
}
