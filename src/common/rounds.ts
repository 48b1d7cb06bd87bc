import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@nestjs/common';
import { Condition } from './condition.js';
import { endsWithin } from './deadline.js';

/** Does something again and again, one round after the other, until it is told to stop; a round that fails is told once. */
export class Rounds {
  private readonly ending = new AbortController();
  private readonly condition: Condition;
  private loop: Promise<void> | undefined;

  /**
   * @param pause_ms - between rounds.
   * @param round - gives whether there is more to do at once. May stop early once the signal is aborted.
   */
  constructor(
    logger: Logger,
    what: string,
    private readonly pause_ms: number,
    private readonly round: (signal: AbortSignal) => Promise<boolean>,
  ) {
    this.condition = new Condition(logger, what);
  }

  /** @param pause_first - not while the process starts. */
  start(pause_first = false): void {
    this.loop ??= this.run(pause_first);
  }

  /** Begins no further round, and waits for the one that runs, so long at most. */
  async stop(wait_ms: number): Promise<void> {
    this.ending.abort();
    if (this.loop) await endsWithin(wait_ms, this.loop);
  }

  private async run(pause_first: boolean): Promise<void> {
    const { signal } = this.ending;
    if (pause_first) await this.pause();
    while (!signal.aborted) {
      let more = false;
      try {
        more = await this.round(signal);
        this.condition.works();
      } catch (error) {
        this.condition.fails(error);
      }
      if (!more) await this.pause();
    }
  }

  private async pause(): Promise<void> {
    const { signal } = this.ending;
    await sleep(this.pause_ms, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
