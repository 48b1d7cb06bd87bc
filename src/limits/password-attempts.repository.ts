import { Injectable } from '@nestjs/common';
import type { Rate } from '../config/variable.js';
import { Database } from '../database/database.js';
import { DeletesExpired, deleteOldest } from '../database/retention/expired.js';

export interface Reservation {
  /** Whether there was room for one more failure. */
  readonly reserved: boolean;
  /** Whether the address has signed in to the account lately. */
  readonly known: boolean;
  /** Until the oldest failure no longer counts. */
  readonly reset_ms: number;
}

/** The failures of a counter that still count; $1 is the window in milliseconds. */
const RECENT = `(ARRAY(
  SELECT failed_at FROM unnest(counter.failures) AS failed_at
  WHERE failed_at > clock_timestamp() - $1 * interval '1 millisecond' ORDER BY failed_at
))`;
const KNOWN_FOR = '30 days';
const KNOWN_SINCE = `now() - interval '${KNOWN_FOR}'`;

/**
 * Failed attempts at passwords, and where passwords were right: in PostgreSQL, so that neither goes when Redis does.
 * Accounts and addresses are digests; under a ring of keys there are several, the current key's first. An attempt is no
 * part of any transaction: it stays counted whatever becomes of the login.
 */
@Injectable()
export class PasswordAttemptsRepository {
  constructor(private readonly database: Database) {}

  /** Counts an attempt as a failure beforehand, where there is room. */
  async reserve(accounts: readonly string[], addresses: readonly string[], rate: Rate): Promise<Reservation> {
    const [reservation] = await this.database.call<Reservation>(
      `WITH reserved AS (
         INSERT INTO login_counters AS counter (account, failures, expires_at)
         VALUES ($3, ARRAY[clock_timestamp()], clock_timestamp() + $1 * interval '1 millisecond')
         ON CONFLICT (account) DO UPDATE
           SET failures = ${RECENT} || clock_timestamp(), expires_at = excluded.expires_at
           WHERE cardinality(${RECENT}) < $2
         RETURNING account
       )
       SELECT EXISTS (SELECT FROM reserved) AS reserved,
         EXISTS (
           SELECT FROM known_addresses WHERE account = ANY($4) AND address = ANY($5) AND seen_at > ${KNOWN_SINCE}
         ) AS known,
         coalesce((
           SELECT $1 + 1000 * extract(epoch FROM ${RECENT}[1] - clock_timestamp())::float8
           FROM login_counters AS counter WHERE account = $3
         ), $1) AS reset_ms`,
      [rate.window_ms, rate.limit, accounts[0], accounts, addresses],
    );
    return reservation;
  }

  /** Takes back one reservation that was neither a failure nor a success. */
  async giveBack(account: string): Promise<void> {
    await this.database.call(
      'UPDATE login_counters SET failures = failures[:cardinality(failures) - 1] WHERE account = $1',
      [account],
    );
  }

  /** Forgives the failures, and remembers the address, which is written down once a day at most. */
  async succeed(account: string, address: string): Promise<void> {
    await this.database.call(
      `WITH forgiven AS (DELETE FROM login_counters WHERE account = $1)
       INSERT INTO known_addresses AS known (account, address, seen_at) VALUES ($1, $2, now())
       ON CONFLICT (account, address) DO UPDATE SET seen_at = now() WHERE known.seen_at < now() - interval '1 day'`,
      [account, address],
    );
  }

  /** Joins the caller's transaction. */
  async forgive(accounts: readonly string[]): Promise<void> {
    await this.database.run((manager) =>
      manager.query('DELETE FROM login_counters WHERE account = ANY($1)', [accounts]),
    );
  }

  /** Joins the caller's transaction. */
  async forget(accounts: readonly string[]): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `WITH forgiven AS (DELETE FROM login_counters WHERE account = ANY($1))
         DELETE FROM known_addresses WHERE account = ANY($1)`,
        [accounts],
      ),
    );
  }

  @DeletesExpired('login counters')
  deleteExpiredCounters(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'login_counters', key: 'account' });
  }

  @DeletesExpired('known addresses')
  deleteExpiredAddresses(limit: number): Promise<number> {
    const addresses = { table: 'known_addresses', key: 'account, address', at: 'seen_at', kept: KNOWN_FOR };
    return deleteOldest(this.database, limit, addresses);
  }
}
