import { Injectable } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';

/** A comparison with the provider, asked for or of a night. */
export interface ReconciliationRun {
  readonly id: string;
  readonly status: 'waiting' | 'running' | 'finished' | 'failed';
  readonly created_at: Date;
}

/** One that has begun: it is this attempt's as long as nobody begins another. */
export interface BegunRun {
  readonly id: string;
  readonly attempts: number;
}

/** When a night begins, in UTC. */
const NIGHT_HOUR = 2;
const KEPT = '90 days';

/** Who compares when, so that one process does at a time, and another takes over from one that died. All as system. */
@Injectable()
export class ReconciliationRunsRepository {
  constructor(private readonly database: Database) {}

  /** Puts one into the queue; where one waits already, that one is as good. */
  request(): Promise<ReconciliationRun> {
    return this.alone(async () => {
      const [waiting] = await this.query<ReconciliationRun>(
        `SELECT id, status, created_at FROM reconciliation_runs WHERE status = 'waiting'`,
      );
      if (waiting) return waiting;
      const [made] = await this.query<ReconciliationRun>(
        'INSERT INTO reconciliation_runs (id) VALUES ($1) RETURNING id, status, created_at',
        [uuidv7()],
      );
      return made!;
    });
  }

  /**
   * Begins what is to be done: what a dead process has left, what waits, or what no night has had yet.
   * @returns null where somebody is at it, or nothing is to be done.
   */
  claim(lease_ms: number): Promise<BegunRun | null> {
    return this.alone(async () => {
      await this.query(
        `INSERT INTO reconciliation_runs (id, night)
         VALUES ($1, ((now() AT TIME ZONE 'UTC') - interval '${NIGHT_HOUR} hours')::date) ON CONFLICT DO NOTHING`,
        [uuidv7()],
      );
      const [begun] = await this.change<BegunRun>(
        `UPDATE reconciliation_runs SET status = 'running', attempts = attempts + 1,
           lease_until = now() + $1 * interval '1 millisecond'
         WHERE id = (
           SELECT id FROM reconciliation_runs WHERE status = 'waiting' OR (status = 'running' AND lease_until < now())
           ORDER BY status = 'waiting' LIMIT 1
         ) AND NOT EXISTS (SELECT FROM reconciliation_runs WHERE status = 'running' AND lease_until >= now())
         RETURNING id, attempts`,
        [lease_ms],
      );
      return begun ?? null;
    });
  }

  /** @returns false where another process has taken over. */
  async extend({ id, attempts }: BegunRun, lease_ms: number): Promise<boolean> {
    const rows = await this.change(
      `UPDATE reconciliation_runs SET lease_until = now() + $3 * interval '1 millisecond'
       WHERE id = $1 AND attempts = $2 AND status = 'running' RETURNING id`,
      [id, attempts, lease_ms],
    );
    return rows.length > 0;
  }

  async end({ id, attempts }: BegunRun, status: 'finished' | 'failed'): Promise<void> {
    await this.change(
      `UPDATE reconciliation_runs SET status = $3, finished_at = now(), lease_until = NULL
       WHERE id = $1 AND attempts = $2 AND status = 'running' RETURNING id`,
      [id, attempts, status],
    );
  }

  @DeletesExpired('reconciliation runs')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'reconciliation_runs', at: 'finished_at', kept: KEPT });
  }

  private alone<T>(work: () => Promise<T>): Promise<T> {
    return this.database.transaction(async () => {
      await this.database.lock('reconciliation-runs');
      return work();
    });
  }

  private query<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return this.database.run((manager) => manager.query<Row[]>(sql, parameters));
  }

  private async change<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    const [rows] = await this.database.run((manager) => manager.query<[Row[], number]>(sql, parameters));
    return rows;
  }
}
