import { setTimeout } from 'node:timers/promises';
import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Timings } from '../config/timings.js';

export type LifecycleState = 'starting' | 'ready' | 'draining';

/**
 * Where the process is in its life. A shutdown says "not ready" first and goes on serving for a while, so that a balancer
 * can leave before the listener closes.
 */
@Injectable()
export class Lifecycle implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private current: LifecycleState = 'starting';

  constructor(private readonly timings: Timings) {}

  get state(): LifecycleState {
    return this.current;
  }

  onApplicationBootstrap(): void {
    this.current = 'ready';
  }

  /** Nest's first hook of a shutdown; the listener closes after the last `beforeApplicationShutdown`. */
  onModuleDestroy(): void {
    this.current = 'draining';
  }

  async beforeApplicationShutdown(): Promise<void> {
    await setTimeout(this.timings.drain_ms);
  }
}
