import { setMaxListeners } from 'node:events';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Timings } from '../config/timings.js';
import { Hooks } from './hooks.js';
import { Finishes } from './lifecycle.js';
import { Rounds } from './rounds.js';

type Pause = { [Name in keyof Timings]: Timings[Name] extends number ? Name : never }[keyof Timings];

/** What is done again and again, and how often it is looked at. */
export interface Repetition {
  /** As the log tells of it when it fails: `Reconciling payments`. */
  readonly what: string;
  readonly every: Pause;
  /** Not while the process starts. */
  readonly waits_first?: boolean;
}

type Round = (signal: AbortSignal) => Promise<boolean>;

/**
 * Marks a method `(signal: AbortSignal) => Promise<boolean>` that does a batch of what is due and says whether there is more
 * to do at once: the database is asked, nothing is remembered in between. Rounds of one process do not overlap but for
 * `exhaust`, which is as another process; any number of processes may make them at once. One that fails is told once, and comes again. It may stop early once the signal is
 * aborted.
 * @example
 * \@Repeats({ what: 'Reconciling payments', every: 'reconcile_poll_ms' })
 */
export const Repeats = DiscoveryService.createDecorator<Repetition>();

/** Makes the rounds of whoever asks for them (`@Repeats`), as long as the process runs. */
@Injectable()
export class Repetitions implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(Repetitions.name);
  private readonly ending = new AbortController();
  private all: readonly Rounds[] = [];

  constructor(
    private readonly hooks: Hooks,
    private readonly timings: Timings,
  ) {
    // Each that pauses listens.
    setMaxListeners(0, this.ending.signal);
  }

  onApplicationBootstrap(): void {
    this.all = this.hooks.find<Repetition, Round>(Repeats).map(({ options: { what, every, waits_first }, handle }) => {
      const rounds = new Rounds(
        { logger: this.logger, what, pause_ms: this.timings[every] },
        handle,
        this.ending.signal,
      );
      rounds.start(waits_first);
      return rounds;
    });
  }

  onModuleDestroy(): void {
    this.end();
  }

  /** From here on no round begins. */
  end(): void {
    this.ending.abort();
  }

  /** Waits for the rounds that run while the process ends, not long. */
  @Finishes({})
  async stopped(): Promise<void> {
    await Promise.all(this.all.map((rounds) => rounds.ended(this.timings.probe_ms)));
  }

  /** Does now all that is due, whenever its turn would be, until nobody has more to do. What fails keeps nobody else. */
  async exhaust(): Promise<void> {
    for (const rounds of this.all) await rounds.exhaust();
  }
}
