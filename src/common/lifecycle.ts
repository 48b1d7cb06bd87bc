import { setTimeout as sleep } from 'node:timers/promises';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Timings } from '../config/timings.js';
import { errorLabel } from './condition.js';
import { endsWithin } from './deadline.js';
import { Hooks } from './hooks.js';

export type LifecycleState = 'starting' | 'ready' | 'draining';

type Finish = (tooLate: AbortSignal) => Promise<void>;

/**
 * Marks a method `(tooLate: AbortSignal) => Promise<void>` that begins nothing more and waits for what it has begun. All of
 * them are called at once when the process ends. Once the signal is aborted, what still runs is to be broken off, and has a
 * moment left to write down that it was.
 */
export const Finishes = DiscoveryService.createDecorator<Record<never, never>>();

/**
 * Where the process is in its life. A shutdown says "not ready" first and goes on serving for a while, so that a balancer
 * can leave before the listener closes. Whatever has to come to its end does so at the same time: Nest itself would wait
 * for one after the other, and close the listener when all of them are through.
 */
@Injectable()
export class Lifecycle implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger(Lifecycle.name);
  private current: LifecycleState = 'starting';
  private closeListener: () => Promise<unknown> = () => Promise.resolve();

  constructor(
    private readonly timings: Timings,
    private readonly hooks: Hooks,
  ) {}

  get state(): LifecycleState {
    return this.current;
  }

  /** @param close - takes no new connection, and waits for the answers that are under way. */
  closesListener(close: () => Promise<unknown>): void {
    this.closeListener = close;
  }

  onApplicationBootstrap(): void {
    this.current = 'ready';
  }

  /** Nest's first hook of a shutdown. */
  onModuleDestroy(): void {
    this.current = 'draining';
  }

  /** Nest's last hook before it closes what the work needs. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.finish(), this.drain()]);
  }

  /** Not longer than three quarters of a shutdown's time: the rest is for closing what was used. */
  private async finish(): Promise<void> {
    const half_ms = this.timings.shutdown_ms / 2;
    const tooLate = new AbortController();
    const timer = setTimeout(() => tooLate.abort(), half_ms);
    const all = this.hooks
      .find<Record<never, never>, Finish>(Finishes)
      .map(({ handle }) => handle(tooLate.signal).catch((error: unknown) => this.logger.error(errorLabel(error))));
    await endsWithin(half_ms * 1.5, Promise.all(all));
    clearTimeout(timer);
  }

  private async drain(): Promise<void> {
    await sleep(this.timings.drain_ms);
    await this.closeListener();
  }
}
