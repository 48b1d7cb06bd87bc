import { Injectable, Optional, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Settings } from '../../config/settings.js';
import { Timings } from '../../config/timings.js';
import { dataSourceOptions, POOLS } from '../data-source.js';
import { Database } from '../database.js';
import { withContext } from '../scope.js';

/**
 * A few connections beside those that transactions run on, for what must be durable whatever becomes of the caller's
 * transaction. Their own pool, so that many transactions that each want a second connection do not wait for each other; none
 * of them waits for anybody who waits for another.
 */
@Injectable()
export class SideDatabase implements OnApplicationShutdown {
  private readonly source: DataSource;
  private readonly database: Database;
  private opened: Promise<unknown> | undefined;

  /** @param name - of its sessions, where they are to be told from others. */
  constructor({ POSTGRES_URL }: Settings, timings: Timings, @Optional() name?: string) {
    this.source = new DataSource({ ...dataSourceOptions(POSTGRES_URL, timings, name), poolSize: POOLS.side });
    this.database = new Database(this.source);
  }

  /**
   * Runs `work` as system in a transaction of its own, whichever the caller is part of.
   * @throws {ServiceError} as {@link Database.run} does.
   */
  async run<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    await this.open();
    return withContext({ scope: 'system' }, () => this.database.run(work));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.opened?.catch(() => undefined);
    if (this.source.isInitialized) await this.source.destroy();
  }

  private async open(): Promise<void> {
    this.opened ??= this.source.initialize();
    try {
      await this.opened;
    } catch (error) {
      this.opened = undefined;
      throw error;
    }
  }
}
