import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { endsWithin } from '../../common/deadline.js';
import { Settings } from '../../config/settings.js';
import { Timings } from '../../config/timings.js';
import { toDomainError } from '../constraints.js';
import { APPLICATION, dataSourceOptions, POOLS } from '../data-source.js';

/**
 * A connection beside the pool, by which health checks ask: those of the pool may all be at work, and who waits for them has
 * more patience than a health check.
 */
@Injectable()
export class ProbeConnection implements OnApplicationShutdown {
  private opened: Promise<DataSource> | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly timings: Timings,
  ) {}

  /**
   * After an error the next one asks by a new connection: this one may lead to a server that is of no use any more.
   * @throws {ServiceError} as {@link Database.call} does.
   */
  async ask<T>(work: (source: DataSource) => Promise<T>): Promise<T> {
    const opened = (this.opened ??= this.open());
    try {
      return await work(await opened);
    } catch (error) {
      if (this.opened === opened) this.opened = undefined;
      void end(opened);
      throw toDomainError(error);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.opened) await endsWithin(this.timings.probe_ms, end(this.opened));
  }

  private open(): Promise<DataSource> {
    const options = dataSourceOptions(this.settings.POSTGRES_URL, this.timings, `${APPLICATION} health`);
    return new DataSource({ ...options, poolSize: POOLS.health }).initialize();
  }
}

/** Two may have met the same error. */
async function end(opened: Promise<DataSource>): Promise<void> {
  const source = await opened.catch(() => undefined);
  if (source?.isInitialized) await source.destroy().catch(() => undefined);
}
