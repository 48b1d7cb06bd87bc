import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Condition } from '../../common/condition.js';
import { Hooks } from '../../common/hooks.js';
import { Repeats } from '../../common/repetitions.js';
import { Database } from '../database.js';
import { DeletesExpired } from './expired.js';

/** So many rows go by one statement: it holds its locks for moments. */
const BATCH = 500;

type Delete = (limit: number) => Promise<number>;

/** Deletes what has had its time (`@DeletesExpired`), now and then, in every process that works. */
@Injectable()
export class Retention implements OnModuleDestroy {
  private readonly logger = new Logger(Retention.name);
  private readonly ending = new AbortController();
  private readonly conditions = new Map<string, Condition>();

  constructor(
    private readonly hooks: Hooks,
    private readonly database: Database,
  ) {}

  /** What is under way ends with the batch. */
  onModuleDestroy(): void {
    this.ending.abort();
  }

  /** Deletes all that is over by now. */
  @Repeats({ what: 'Deleting what has expired', every: 'retention_ms', waits_first: true })
  async round(): Promise<boolean> {
    await this.sweep();
    return false;
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
}
