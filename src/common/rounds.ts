import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@nestjs/common';
import { Condition } from './condition.js';
import { endsWithin } from './deadline.js';

interface Options {
  readonly logger: Logger;
  readonly what: string;
  /** About so long between rounds. */
  readonly pause_ms: number;
}

/** Does something again and again, one round after the other, until it is told to stop; a round that fails is told once. */
export class Rounds {
  private readonly condition: Condition;
  private loop: Promise<void> | undefined;

  /** @param round - gives whether there is more to do at once. */
  constructor(
    private readonly options: Options,
    private readonly round: (signal: AbortSignal) => Promise<boolean>,
    private readonly ending: AbortSignal,
  ) {
    this.condition = new Condition(options.logger, options.what);
  }

  start(waits_first = false): void {
    this.loop ??= this.run(waits_first);
  }

  /** Until the last round has ended, so long at most. */
  async ended(wait_ms: number): Promise<void> {
    if (this.loop) await endsWithin(wait_ms, this.loop);
  }

  /** Beside the loop: as another process would. */
  async exhaust(): Promise<void> {
    let more = true;
    while (more && !this.ending.aborted) more = await this.attempt();
  }

  private async run(waits_first: boolean): Promise<void> {
    if (waits_first) await this.pause();
    while (!this.ending.aborted) {
      if (!(await this.attempt())) await this.pause();
    }
  }

  /** @returns whether there is more to do at once; not after a failure. */
  private async attempt(): Promise<boolean> {
    try {
      const more = await this.round(this.ending);
      this.condition.works();
      return more;
    } catch (error) {
      this.condition.fails(error);
      return false;
    }
  }

  /** Replicas that have started together do not look together. */
  private async pause(): Promise<void> {
    const wait_ms = this.options.pause_ms * (0.75 + Math.random() / 2);
    await sleep(wait_ms, undefined, { signal: this.ending, ref: false }).catch(() => undefined);
  }
}
