import { DiscoveryService } from '@nestjs/core';
import type { Database } from '../database.js';

/**
 * Marks a method `(limit: number) => Promise<number>` that deletes at most so many rows whose time is over, oldest first,
 * and says how many there were: {@link deleteOldest} does. It is called as system, now and then, until it finds less than
 * the limit; several processes may call it at once.
 * @example
 * \@DeletesExpired('sessions')
 * deleteExpired(limit: number): Promise<number>
 */
export const DeletesExpired = DiscoveryService.createDecorator<string>();

/** Which rows of a table have had their time; all of it is SQL that the code itself holds. */
export interface Expired {
  readonly table: string;
  /** The primary key's columns. */
  readonly key?: string;
  /** The column that says when a row's time is over; null where it never is. */
  readonly at?: string;
  /** How long a row stays after that, such as `30 days`. */
  readonly kept?: string;
}

/** One batch of what {@link DeletesExpired} promises. Whatever somebody holds just now is passed over until the next time. */
export function deleteOldest(
  database: Database,
  limit: number,
  { table, key = 'id', at = 'expires_at', kept = '0 days' }: Expired,
): Promise<number> {
  return database.run(async (manager) => {
    const [, deleted] = await manager.query<[unknown[], number]>(
      `DELETE FROM ${table} WHERE (${key}) IN (
         SELECT ${key} FROM ${table} WHERE ${at} < now() - interval '${kept}' ORDER BY ${at} LIMIT $1 FOR UPDATE SKIP LOCKED
       )`,
      [limit],
    );
    return deleted;
  });
}
