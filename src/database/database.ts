import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Optional } from '@nestjs/common';
import type { Pool } from 'pg';
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import type { Principal } from '../common/access.js';
import { backoff } from '../common/backoff.js';
import { Measures, type Sample } from '../common/measures.js';
import { DatabaseUnavailableError, isReadOnly, toDomainError } from './constraints.js';
import { Replica } from './replica/replica.js';
import { databaseContext, scopeSql, withContext, type Scope, type Transaction } from './scope.js';

/** A serialization failure or a deadlock: the same work may well pass the next time. */
const isTransient = (error: unknown): boolean => {
  const code = (error as { driverError?: { code?: string } }).driverError?.code;
  return code === '40001' || code === '40P01';
};

const TRIES = 3;
/** Who comes back at once may take the lock that the other one is just being given, and meet it head-on again. */
const PAUSE_MS = 20;

interface Beginning {
  readonly source: DataSource;
  readonly scope: Scope;
  readonly isolation?: string | undefined;
}

/**
 * The one way to PostgreSQL. A transaction and its scope travel in the async context: repositories join whatever their
 * caller has begun, and nobody hands managers around.
 */
@Injectable()
export class Database {
  constructor(
    private readonly source: DataSource,
    @Optional() private readonly replica?: Replica,
  ) {}

  /**
   * Runs a repository's question in the current transaction, or in one of its own.
   * @throws {ServiceError} the error that a broken constraint stands for (`@RaisedBy`).
   */
  async run<T>(question: (manager: EntityManager) => Promise<T>): Promise<T> {
    const { scope, transaction, from } = databaseContext();
    try {
      if (transaction) return await question(transaction.manager);
      if (from && this.replica) return await this.replica.read((source) => this.ask(source, scope, question));
      return await this.ask(this.source, scope, question);
    } catch (error) {
      throw toDomainError(error);
    }
  }

  /**
   * All of `work` happens or nothing does. Joins a transaction that is already open; a deadlock is tried again, so work
   * must do nothing outside the database.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    return databaseContext().transaction ? work() : this.repeat(work);
  }

  /**
   * A transaction of its own in which every question is answered as of the moment when it began. What it writes, or locks,
   * must not have been changed by others since: then it starts over, as after a deadlock.
   */
  async snapshot<T>(work: () => Promise<T>): Promise<T> {
    if (databaseContext().transaction) throw new Error('A snapshot is no part of another transaction');
    return this.repeat(work, 'ISOLATION LEVEL REPEATABLE READ');
  }

  /**
   * For lists that may be somewhat behind: what `work` asks is answered by the replica where there is one that works. A
   * transaction that is open, or that `work` begins, stays with the primary; nothing may be decided by what comes back.
   */
  async reading<T>(work: () => Promise<T>): Promise<T> {
    const { scope, transaction } = databaseContext();
    return transaction ? work() : withContext({ scope, from: 'replica' }, work);
  }

  /** Waits until no other transaction holds this name, and holds it until the current one ends. */
  async lock(name: string): Promise<void> {
    await this.run((manager) => manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name]));
  }

  /** For what runs before or beside a tenant: login look-up, relay, platform admin. Every row is visible to `work`. */
  asSystem<T>(work: () => Promise<T>): Promise<T> {
    return this.within('system', work);
  }

  asTenant<T>(tenant_id: string, work: () => Promise<T>): Promise<T> {
    return this.within({ tenant_id }, work);
  }

  /** As far as this principal reaches: the own tenant, or every tenant for a platform admin. */
  asPrincipal<T>({ role, tenant_id }: Pick<Principal, 'role' | 'tenant_id'>, work: () => Promise<T>): Promise<T> {
    return role === 'platform_admin' ? this.asSystem(work) : this.asTenant(tenant_id, work);
  }

  /** Runs `then` once the current transaction is durable, which waits for it; at once when there is none. It must not throw. */
  afterCommit(then: () => void | Promise<void>): void {
    const { transaction } = databaseContext();
    if (transaction) transaction.afterCommit.push(then);
    else void then();
  }

  /**
   * Runs `then` once the current transaction was rolled back, or may have been, and before it is tried again or its error
   * is told. It must not throw.
   */
  afterRollback(then: () => Promise<void>): void {
    databaseContext().transaction?.afterRollback.push(then);
  }

  /** One statement outside any transaction and scope: for functions that bring their own. */
  async call<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const runner = this.source.createQueryRunner();
    try {
      return (await runner.query(sql, parameters)) as Row[];
    } catch (error) {
      if (isReadOnly(error)) await letGo(runner, error);
      throw toDomainError(error);
    } finally {
      await runner.release();
    }
  }

  @Measures({
    name: 'omni_postgres_connections',
    help: 'Connections for transactions of this process: in use, idle, and requests that wait for one',
    labels: ['state'],
  })
  connections(): Sample[] {
    const { totalCount, idleCount, waitingCount } = (this.source.driver as unknown as { master: Pool }).master;
    const states = { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
    return Object.entries(states).map(([state, value]) => ({ value, labels: { state } }));
  }

  private async within<T>(scope: Scope, work: () => Promise<T>): Promise<T> {
    const outer = databaseContext();
    const { transaction } = outer;
    if (!transaction) return withContext({ ...outer, scope }, work);
    const { manager } = transaction;
    const [entering, leaving] = [scopeSql(scope), scopeSql(outer.scope)];
    if (entering === leaving) return work();
    await manager.query(entering);
    try {
      return await withContext({ scope, transaction }, work);
    } finally {
      // A failed statement has aborted the transaction, and with it the scope: nothing is left to restore.
      await manager.query(leaving).catch(() => undefined);
    }
  }

  private ask<T>(source: DataSource, scope: Scope, question: (manager: EntityManager) => Promise<T>): Promise<T> {
    const isolation = source === this.source ? '' : 'READ ONLY';
    return this.begin({ source, scope, isolation }, ({ manager }) => question(manager));
  }

  private async repeat<T>(work: () => Promise<T>, isolation?: string): Promise<T> {
    const { scope } = databaseContext();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.begin({ source: this.source, scope, isolation }, work);
      } catch (error) {
        if (attempt === TRIES || !isTransient(error)) throw toDomainError(error);
        await sleep(backoff(attempt, PAUSE_MS, PAUSE_MS * TRIES));
      }
    }
  }

  private async begin<T>(
    { source, scope, isolation = '' }: Beginning,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    const runner = source.createQueryRunner();
    const transaction: Transaction = { manager: runner.manager, afterCommit: [], afterRollback: [] };
    const attempt = this.attempt(runner, `BEGIN ${isolation}; ${scopeSql(scope)}`, () =>
      withContext({ scope, transaction }, () => work(transaction)),
    );
    const result = await attempt.catch(async (error: unknown) => {
      for (const then of transaction.afterRollback) await then();
      throw error;
    });
    // The connection is somebody else's by now.
    for (const then of transaction.afterCommit) await then();
    return result;
  }

  private async attempt<T>(runner: QueryRunner, beginning: string, work: () => Promise<T>): Promise<T> {
    try {
      // One message instead of two, which is why TypeORM's own startTransaction() is not used; it must still know of it.
      await runner.query(beginning);
      Object.assign(runner, { isTransactionActive: true });
      const result = await work();
      await runner.query('COMMIT');
      return result;
    } catch (error) {
      // TypeORM has let go of it: the connection broke, and whatever came after that is no more than its echo.
      if (runner.isReleased) throw new DatabaseUnavailableError({ cause: error });
      if (isReadOnly(error)) await letGo(runner, error);
      else await rollBack(runner);
      throw error;
    } finally {
      await runner.release();
    }
  }
}

/** A connection that cannot even roll back must not return to the pool. */
async function rollBack(runner: QueryRunner): Promise<void> {
  try {
    await runner.query('ROLLBACK');
  } catch (error) {
    await letGo(runner, error);
  }
}

/** Ends its connection, which is of no use to anybody. */
const letGo = (runner: QueryRunner, error: unknown): Promise<void> =>
  (runner as QueryRunner & { releasePostgresConnection(error: unknown): Promise<void> }).releasePostgresConnection(
    error,
  );
