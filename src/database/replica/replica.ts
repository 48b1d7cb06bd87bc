import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Condition } from '../../common/condition.js';
import { endsWithin } from '../../common/deadline.js';
import { Measures, type Sample } from '../../common/measures.js';
import { ServiceError } from '../../common/service-error.js';
import { InvalidSettingsError } from '../../config/read-settings.js';
import { Settings } from '../../config/settings.js';
import { Timings } from '../../config/timings.js';
import { DatabaseUnavailableError } from '../constraints.js';
import { dataSourceOptions } from '../data-source.js';

class ReplicaAwayError extends Error {
  override readonly name = 'ReplicaAwayError';
}

const UNBOUND =
  'POSTGRES_REPLICA_URL must name a role that is neither superuser nor BYPASSRLS: it would see every tenant';

/** What the question itself refuses, whoever is asked. */
const isAnswer = (error: unknown): boolean =>
  error instanceof ServiceError && !(error instanceof DatabaseUnavailableError);

/**
 * A copy of the database that may be somewhat behind, to be read. It is never needed: one that is away, slow or of another
 * version than the code is left in peace for a while, and the primary answers.
 */
@Injectable()
export class Replica implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Replica.name);
  private readonly condition = new Condition(this.logger, 'The replica of PostgreSQL');
  private connecting: Promise<DataSource> | undefined;
  private resumes_at = 0;
  private readonly answered = { replica: 0, primary: 0 };

  constructor(
    @InjectDataSource() private readonly primary: DataSource,
    private readonly settings: Settings,
    private readonly timings: Timings,
  ) {}

  /** @throws {InvalidSettingsError} in production, when row-level security does not bind the role of POSTGRES_REPLICA_URL. */
  async onApplicationBootstrap(): Promise<void> {
    if (!this.settings.POSTGRES_REPLICA_URL) return;
    try {
      await this.withinTime(this.connected());
    } catch (error) {
      if (error instanceof InvalidSettingsError && this.settings.NODE_ENV === 'production') throw error;
      this.fails(error);
    }
  }

  /**
   * Asks the replica, where there is one that works, else the primary.
   * @param ask - reads and nothing else.
   */
  async read<T>(ask: (source: DataSource) => Promise<T>): Promise<T> {
    if (!this.settings.POSTGRES_REPLICA_URL) return ask(this.primary);
    if (performance.now() >= this.resumes_at) {
      try {
        const result = await this.withinTime(this.connected().then(ask));
        this.condition.works();
        this.answered.replica += 1;
        return result;
      } catch (error) {
        if (isAnswer(error)) throw error;
        this.fails(error);
      }
    }
    this.answered.primary += 1;
    return ask(this.primary);
  }

  @Measures({ name: 'omni_replica_reads', help: 'Lists since the start, by who answered', labels: ['by'] })
  reads(): Sample[] {
    return Object.entries(this.answered).map(([by, value]) => ({ value, labels: { by } }));
  }

  async onApplicationShutdown(): Promise<void> {
    const source = await this.connecting?.catch(() => undefined);
    if (source) await endsWithin(this.timings.replica_wait_ms, source.destroy());
  }

  private fails(error: unknown): void {
    if (error instanceof InvalidSettingsError) this.logger.error(UNBOUND);
    this.condition.fails(error);
    this.resumes_at = performance.now() + this.timings.replica_pause_ms;
  }

  private async withinTime<T>(work: Promise<T>): Promise<T> {
    if (!(await endsWithin(this.timings.replica_wait_ms, work))) throw new ReplicaAwayError();
    return work;
  }

  /** Connects when it is first asked for: a start does not wait for a replica. */
  private connected(): Promise<DataSource> {
    this.connecting ??= this.connect().catch((error: unknown) => {
      this.connecting = undefined;
      throw error;
    });
    return this.connecting;
  }

  private async connect(): Promise<DataSource> {
    const source = new DataSource({
      ...dataSourceOptions(this.settings.POSTGRES_REPLICA_URL!, this.timings),
      entities: this.primary.entityMetadatas.map(({ target }) => target),
    });
    await source.initialize();
    const [role] = await source.query<{ unbound: boolean }[]>(
      'SELECT rolsuper OR rolbypassrls AS unbound FROM pg_roles WHERE rolname = current_user',
    );
    if (!role?.unbound) return source;
    await source.destroy();
    throw new InvalidSettingsError([UNBOUND]);
  }
}
