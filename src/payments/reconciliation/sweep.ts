import { Injectable, Logger } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Hooks } from '../../common/hooks.js';
import { Timings } from '../../config/timings.js';
import { BooksWatch } from '../invariants/books-watch.js';
import { ReconciliationRunsRepository, type BegunRun } from './reconciliation-runs.repository.js';

/** What whoever compares gets. */
export interface SweepRound {
  /** What was made or changed before that is no affair of this run. */
  readonly since: Date;
  /** Aborted when the process ends. */
  readonly signal: AbortSignal;
  /** To be called between any two things that take time. @throws where the run is another process's by now, or the process ends. */
  readonly beat: () => Promise<void>;
}

/**
 * Marks a method `(round: SweepRound) => Promise<void>` that lays what the provider has beside what we have: it follows
 * what is only late, and reports what contradicts to `Discrepancies`, as often as it is found. What was reported before it
 * looks at again.
 */
export const ComparesWithProvider = DiscoveryService.createDecorator<Record<never, never>>();

type Comparison = (round: SweepRound) => Promise<void>;

/** Further back than the longest night and a day on which nobody noticed that it had failed. */
const HOURS = 48;
const MOST_ATTEMPTS = 10;

class RunEndedError extends Error {
  override readonly name = 'RunEndedError';
}

/** Every night, and when it is asked for: the last two days, the provider's and ours. One process at a time. */
@Injectable()
export class Sweep {
  private readonly logger = new Logger(Sweep.name);

  constructor(
    private readonly runs: ReconciliationRunsRepository,
    private readonly hooks: Hooks,
    private readonly books: BooksWatch,
    private readonly timings: Timings,
  ) {}

  /** Does what is to be done. @returns whether there was something. @throws the provider or PostgreSQL is away: it is tried again. */
  async round(signal: AbortSignal): Promise<boolean> {
    const run = await this.runs.claim(this.lease_ms);
    if (!run) return false;
    try {
      await this.compare(run, signal);
      await this.runs.end(run, 'finished');
    } catch (error) {
      if (error instanceof RunEndedError) {
        // Whoever ends leaves it to the next one at once.
        await this.runs.extend(run, 0);
        return false;
      }
      // Else its lease runs out, and it is begun anew.
      if (run.attempts >= MOST_ATTEMPTS) await this.fail(run);
      throw error;
    }
    return true;
  }

  private get lease_ms(): number {
    return this.timings.payment_lease_ms;
  }

  private async compare(run: BegunRun, signal: AbortSignal): Promise<void> {
    const since = new Date(Date.now() - HOURS * 3_600_000);
    const round = { since, signal, beat: this.heart(run, signal) };
    const comparisons = this.hooks.find<Record<never, never>, Comparison>(ComparesWithProvider);
    for (const { handle } of comparisons) await handle(round);
    await round.beat();
    await this.books.round(since);
  }

  /** The lease is renewed when a good part of it is over. */
  private heart(run: BegunRun, signal: AbortSignal): () => Promise<void> {
    let renewed = Date.now();
    return async () => {
      if (signal.aborted) throw new RunEndedError();
      if ((Date.now() - renewed) * 4 < this.lease_ms) return;
      if (!(await this.runs.extend(run, this.lease_ms))) throw new RunEndedError();
      renewed = Date.now();
    };
  }

  private async fail(run: BegunRun): Promise<void> {
    await this.runs.end(run, 'failed');
    this.logger.error({ msg: 'Reconciliation: a run failed', run_id: run.id, attempts: run.attempts });
  }
}
