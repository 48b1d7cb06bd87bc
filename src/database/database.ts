import { Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import type { Principal } from '../common/access.js';
import { Measures, type Sample } from '../common/measures.js';
import { DatabaseUnavailableError, toDomainError } from './constraints.js';
import { databaseContext, scopeSql, withContext, type Scope, type Transaction } from './scope.js';

/** A serialization failure or a deadlock: the same work may well pass the next time. */
const isTransient = (error: unknown): boolean => {
  const code = (error as { driverError?: { code?: string } }).driverError?.code;
  return code === '40001' || code === '40P01';
};

const TRIES = 3;

/**
 * The one way to PostgreSQL. A transaction and its scope travel in the async context: repositories join whatever their
 * caller has begun, and nobody hands managers around.
 */
@Injectable()
export class Database {
  constructor(private readonly source: DataSource) {}

  /**
   * Runs a repository's question in the current transaction, or in one of its own.
   * @throws {ServiceError} the error that a broken constraint stands for (`@RaisedBy`).
   */
  async run<T>(question: (manager: EntityManager) => Promise<T>): Promise<T> {
    const { scope, transaction } = databaseContext();
    try {
      return transaction
        ? await question(transaction.manager)
        : await this.begin(scope, ({ manager }) => question(manager));
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

  /** Runs `then` once the current transaction is durable; at once when there is none. */
  afterCommit(then: () => void): void {
    const { transaction } = databaseContext();
    if (transaction) transaction.afterCommit.push(then);
    else then();
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
    try {
      return await this.source.query<Row[]>(sql, parameters);
    } catch (error) {
      throw toDomainError(error);
    }
  }

  @Measures({
    name: 'omni_postgres_connections',
    help: 'Connections of this process: in use, idle, and requests that wait for one',
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
    if (!transaction) return withContext({ scope }, work);
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

  private async repeat<T>(work: () => Promise<T>, isolation?: string): Promise<T> {
    const { scope } = databaseContext();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.begin(scope, work, isolation);
      } catch (error) {
        if (attempt === TRIES || !isTransient(error)) throw toDomainError(error);
      }
    }
  }

  private async begin<T>(scope: Scope, work: (transaction: Transaction) => Promise<T>, isolation = ''): Promise<T> {
    const runner = this.source.createQueryRunner();
    const transaction: Transaction = { manager: runner.manager, afterCommit: [], afterRollback: [] };
    try {
      return await this.attempt(runner, { scope, transaction }, work, isolation);
    } catch (error) {
      for (const then of transaction.afterRollback) await then();
      throw error;
    }
  }

  private async attempt<T>(
    runner: QueryRunner,
    { scope, transaction }: { scope: Scope; transaction: Transaction },
    work: (transaction: Transaction) => Promise<T>,
    isolation: string,
  ): Promise<T> {
    try {
      // One message instead of two, which is why TypeORM's own startTransaction() is not used; it must still know of it.
      await runner.query(`BEGIN ${isolation}; ${scopeSql(scope)}`);
      Object.assign(runner, { isTransactionActive: true });
      const result = await withContext({ scope, transaction }, () => work(transaction));
      await runner.query('COMMIT');
      for (const then of transaction.afterCommit) then();
      return result;
    } catch (error) {
      // TypeORM has let go of it: the connection broke, and whatever came after that is no more than its echo.
      if (runner.isReleased) throw new DatabaseUnavailableError({ cause: error });
      await rollBack(runner);
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
    await (
      runner as QueryRunner & { releasePostgresConnection(error: unknown): Promise<void> }
    ).releasePostgresConnection(error);
  }
}
