import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { DeletesExpired, deleteOldest } from '../database/retention/expired.js';
import { grainOf, LimiterStorage, type Check, type Tally } from './limiter-storage.js';

/**
 * Counts where Redis must play no part: what a lost counter would cost is more than a row's update. A hit is no part of
 * any transaction: it stays counted whatever becomes of the request.
 */
@Injectable()
export class PostgresLimiterStorage extends LimiterStorage {
  constructor(private readonly database: Database) {
    super();
  }

  async take(checks: readonly Check[]): Promise<Tally[]> {
    const rows = await this.database.call<{ hits: number; is_full: boolean; reset_ms: number }>(
      'SELECT hits, is_full, reset_ms FROM take_hits($1, $2, $3, $4, $5)',
      [
        checks.map(({ policy }) => policy),
        checks.map(({ subject }) => subject),
        checks.map(({ limit }) => limit),
        checks.map(({ limit }) => grainOf(limit)),
        checks.map(({ window_ms }) => window_ms),
      ],
    );
    return rows.map(({ hits, is_full, reset_ms }) => ({ hits, full: is_full, reset_ms }));
  }

  /** Joins the caller's transaction: whoever is counted meanwhile waits for it, and starts anew. */
  async forget(policy: string, subject: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query('DELETE FROM limit_counters WHERE policy = $1 AND subject = $2', [policy, subject]),
    );
  }

  @DeletesExpired('limit counters')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'limit_counters', key: 'policy, subject' });
  }
}
