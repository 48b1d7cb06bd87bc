import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, QueryFailedError } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
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

/** No answer in time: of a replica that is away, or of one to which this question is too much. */
class ReplicaLateError extends Error {
  override readonly name = 'ReplicaLateError';
}

const UNBOUND =
  'POSTGRES_REPLICA_URL must name a role that is neither superuser nor BYPASSRLS: it would see every tenant';

/** What the question itself refuses, whoever is asked. */
const isAnswer = (error: unknown): boolean =>
  error instanceof ServiceError && !(error instanceof DatabaseUnavailableError);

/** Cancelled after its time, or since it stood in the way of what the replica had to catch up with. */
const CANCELLED = new Set(['57014', '40001']);
const isCancelled = (error: unknown): boolean =>
  error instanceof QueryFailedError && CANCELLED.has(`${(error.driverError as { code?: string }).code}`);

/** What the pool throws where no connection came in time: all of them are at work, or there is nobody to connect to. */
const NO_CONNECTION = /timeout exceeded when trying to connect/i;
const isDoubtful = (error: unknown): boolean =>
  error instanceof ReplicaLateError || (error instanceof Error && NO_CONNECTION.test(error.message));

/**
 * A copy of the database that may be somewhat behind, to be read. It is never needed: one that is away or of another version
 * than the code is left in peace for a while, and the primary answers. A question that takes it too long goes to the primary
 * too, and tells nothing of the next one: whether the replica is away, another connection finds out.
 */
@Injectable()
export class Replica implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Replica.name);
  private readonly condition = new Condition(this.logger, 'The replica of PostgreSQL');
  private connecting: Promise<DataSource> | undefined;
  private looking: Promise<void> | undefined;
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
        if (isDoubtful(error)) this.looking ??= this.look().finally(() => (this.looking = undefined));
        else if (!isCancelled(error)) this.fails(error);
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
    await this.looking;
    const source = await this.connecting?.catch(() => undefined);
    if (source) await endsWithin(this.timings.replica_wait_ms, source.destroy());
  }

  private fails(error: unknown): void {
    if (error instanceof InvalidSettingsError) this.logger.error(UNBOUND);
    this.condition.fails(error);
    this.resumes_at = performance.now() + this.timings.replica_pause_ms;
  }

  private async withinTime<T>(work: Promise<T>): Promise<T> {
    if (!(await endsWithin(this.timings.replica_wait_ms, work))) throw new ReplicaLateError();
    return work;
  }

  /** By a connection of its own: those of the pool may all be at work. */
  private async look(): Promise<void> {
    const source = new DataSource({ ...this.options(), poolSize: 1 });
    const connecting = source.initialize();
    if (!(await endsWithin(this.timings.replica_wait_ms, connecting))) this.fails(new ReplicaAwayError());
    const ended = connecting.then(
      () => source.destroy(),
      (error: unknown) => this.fails(error),
    );
    await endsWithin(this.timings.replica_wait_ms, ended);
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
      ...this.options(),
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

  /** Nobody waits any longer for what takes longer: it is cancelled, and its connection is there for others. */
  private options(): PostgresDataSourceOptions {
    const { replica_wait_ms: statement_ms, pool_wait_ms } = this.timings;
    return dataSourceOptions(this.settings.POSTGRES_REPLICA_URL!, new Timings({ statement_ms, pool_wait_ms }));
  }
}
