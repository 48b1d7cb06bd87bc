import { DiscoveryService } from '@nestjs/core';

export interface ProbeOptions {
  readonly name: 'postgres' | 'redis' | 'smtp' | 'mongodb';
  /** Without it nothing works: not ready. Without the others the service is degraded. */
  readonly critical: boolean;
}

/** Marks a method that throws when a dependency is of no use just now: `() => Promise<void>`. */
export const Probe = DiscoveryService.createDecorator<ProbeOptions>();

/** Marks a method `() => Promise<object>` that tells operators how much waits, and for how long: by what `/health` calls it. */
export const Backlog = DiscoveryService.createDecorator<string>();
