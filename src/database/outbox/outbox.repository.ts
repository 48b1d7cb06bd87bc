import { Injectable } from '@nestjs/common';
import type { ExportPage } from '../../common/personal-data.js';
import { Database } from '../database.js';
import { DeletesExpired, deleteOldest } from '../retention/expired.js';
import { OutboxRow } from './outbox.entity.js';

/** A row, handed over: good for one attempt. Handing it over twice is the same as handing it over once. */
export interface Dispatch {
  readonly id: string;
  readonly dispatch: number;
  /** Somebody has asked for it by hand: also where the row was given up with it. */
  readonly revives?: boolean;
}

/** A row whose delivery has begun: the row is this attempt's as long as nobody begins another. */
export type BegunRow = Pick<
  OutboxRow,
  'id' | 'tenant_id' | 'topic' | 'subject_id' | 'attempts' | 'stalls' | 'created_at' | 'traceparent'
> & {
  readonly payload: Buffer;
  readonly key_id: string;
};

export interface OutboxCounts {
  readonly pending: number;
  /** Given up; `npm run outbox:retry` puts them back. */
  readonly dead: number;
  /** How long the oldest pending row has been waiting. */
  readonly oldest_pending_seconds: number | null;
}

/** A row that was not delivered yet, as its subject may see it. */
export type WaitingRow = Pick<OutboxRow, 'id' | 'created_at'> & { readonly kind: string };

export type NewRow = Pick<
  OutboxRow,
  'id' | 'tenant_id' | 'topic' | 'dedupe_key' | 'subject_id' | 'payload' | 'key_id' | 'traceparent'
>;

/** How long a delivered row stays. */
const KEPT = '30 days';

/** PostgreSQL's clock is the only one: workers may disagree about the time. */
const later = (parameter: number): string => `now() + $${parameter} * interval '1 millisecond'`;

/** Nobody is busy with it; a worker that died in the middle is waited for no longer than its lease. */
const FREE = `status = 'pending' AND (lease_until IS NULL OR lease_until < now())`;

/** Every question about the outbox. Writing and erasing happen in the caller's scope, the rest as system. */
@Injectable()
export class OutboxRepository {
  constructor(private readonly database: Database) {}

  /** Does nothing when the topic already has a row with this key. */
  async insert(row: NewRow): Promise<void> {
    await this.database.run((manager) =>
      manager.createQueryBuilder().insert().into(OutboxRow).values(row).orIgnore().updateEntity(false).execute(),
    );
  }

  /**
   * Empties what still waits for this person, and ends it unsent; sent rows say nothing any more. The row stays as long as
   * a delivered one does: that the fact was written down must be seen, and its key stands in the way of a second one.
   */
  async erase(subject_id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE outbox SET status = 'sent', sent_at = now(), payload = NULL, key_id = NULL, lease_until = NULL, last_error = NULL
         WHERE subject_id = $1 AND payload IS NOT NULL`,
        [subject_id],
      ),
    );
  }

  isWaiting(id: string): Promise<boolean> {
    return this.database.run((manager) => manager.existsBy(OutboxRow, { id, status: 'pending' }));
  }

  waitingFor(subject_id: string, { after, limit }: ExportPage): Promise<WaitingRow[]> {
    return this.database.run((manager) =>
      manager.query<WaitingRow[]>(
        `SELECT id, topic AS kind, created_at FROM outbox
         WHERE subject_id = $1 AND payload IS NOT NULL AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3`,
        [subject_id, after, limit],
      ),
    );
  }

  /** Makes everything due that waits, and void whatever was handed over: nobody knows any more who had it. */
  async hurry(topics: readonly string[]): Promise<void> {
    await this.change(
      `UPDATE outbox SET next_attempt_at = now(), dispatches = dispatches + 1 WHERE topic = ANY($1) AND ${FREE}`,
      [topics],
    );
  }

  /**
   * Takes what is due, oldest first. Two that claim at once get different rows.
   * @param again_ms - when what was not begun until then is due again.
   */
  claim(topic: string, limit: number, again_ms: number): Promise<Dispatch[]> {
    return this.change<Dispatch>(
      `WITH due AS MATERIALIZED (
         SELECT id FROM outbox WHERE topic = $1 AND next_attempt_at <= now() AND ${FREE}
         ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED
       )
       UPDATE outbox SET next_attempt_at = ${later(3)} FROM due WHERE outbox.id = due.id
       RETURNING outbox.id, outbox.dispatches AS dispatch`,
      [topic, limit, again_ms],
    );
  }

  /** Whether something of these topics is due that nobody has claimed. */
  async isAnyDue(topics: readonly string[]): Promise<boolean> {
    const [found] = await this.database.asSystem(() =>
      this.database.run((manager) =>
        manager.query<[{ due: boolean }]>(
          `SELECT EXISTS (SELECT FROM outbox WHERE topic = ANY($1) AND next_attempt_at <= now() AND ${FREE}) AS due`,
          [topics],
        ),
      ),
    );
    return found.due;
  }

  /** Undoes a claim whose rows could not be handed over; rows that were begun nevertheless stay as they are. */
  async giveBack(claimed: readonly Dispatch[], again_ms: number): Promise<void> {
    await this.change(
      `UPDATE outbox SET next_attempt_at = ${later(3)}
       FROM unnest($1::uuid[], $2::integer[]) AS claimed (id, dispatch)
       WHERE outbox.id = claimed.id AND outbox.dispatches = claimed.dispatch AND ${FREE}`,
      [claimed.map(({ id }) => id), claimed.map(({ dispatch }) => dispatch), again_ms],
    );
  }

  /**
   * Begins an attempt; for a row that was given up, where that is to be revived, another day.
   * @returns null when this dispatch was used, is void or is no longer needed.
   */
  async begin({ id, dispatch, revives = false }: Dispatch, lease_ms: number): Promise<BegunRow | null> {
    const [row = null] = await this.change<BegunRow>(
      `UPDATE outbox SET attempts = attempts + 1, dispatches = dispatches + 1, lease_until = ${later(3)},
         stalls = CASE WHEN status = 'dead' THEN 0 ELSE stalls + (lease_until IS NOT NULL)::integer END,
         tried_since = CASE WHEN status = 'dead' THEN now() ELSE tried_since END, status = 'pending'
       WHERE id = $1 AND payload IS NOT NULL
         AND (status = 'pending' AND dispatches = $2 OR $4 AND status = 'dead' AND dispatches = $2 + 1)
       RETURNING id, tenant_id, topic, subject_id, payload, key_id, attempts, stalls, created_at, traceparent`,
      [id, dispatch, lease_ms, revives],
    );
    return row;
  }

  async sent({ id, attempts }: BegunRow): Promise<void> {
    await this.change(
      `UPDATE outbox SET status = 'sent', sent_at = now(), payload = NULL, key_id = NULL, lease_until = NULL, last_error = NULL
       WHERE id = $1 AND attempts = $2 AND status = 'pending'`,
      [id, attempts],
    );
  }

  /** @returns whether that was the last attempt. */
  async failed({ id, attempts }: BegunRow, error: string, retry_ms: number, give_up_ms: number): Promise<boolean> {
    const [row] = await this.change<{ dead: boolean }>(
      `UPDATE outbox SET lease_until = NULL, last_error = $3, stalls = 0, next_attempt_at = ${later(4)},
         status = CASE WHEN tried_since < now() - $5 * interval '1 millisecond' THEN 'dead' ELSE 'pending' END
       WHERE id = $1 AND attempts = $2 AND status = 'pending'
       RETURNING status = 'dead' AS dead`,
      [id, attempts, error, retry_ms, give_up_ms],
    );
    return row?.dead ?? false;
  }

  /** Gives what was given up another day. @returns how many rows. */
  async retry(): Promise<number> {
    const rows = await this.change(
      `UPDATE outbox SET status = 'pending', next_attempt_at = now(), tried_since = now(), stalls = 0
       WHERE status = 'dead' AND payload IS NOT NULL RETURNING id`,
    );
    return rows.length;
  }

  async counts(): Promise<OutboxCounts> {
    const [counts] = await this.database.asSystem(() =>
      this.database.run((manager) =>
        manager.query<[OutboxCounts]>(
          `SELECT (SELECT count(*)::integer FROM outbox WHERE status = 'dead') AS dead, count(*)::integer AS pending,
             extract(epoch FROM now() - min(tried_since))::float8 AS oldest_pending_seconds
           FROM outbox WHERE status = 'pending'`,
        ),
      ),
    );
    return counts;
  }

  /** What was delivered long ago: until then its dedupe key stands in the way of a second one. */
  @DeletesExpired('outbox rows')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'outbox', at: 'sent_at', kept: KEPT });
  }

  private async change<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const [rows] = await this.database.asSystem(() =>
      this.database.run((manager) => manager.query<[Row[], number]>(sql, parameters)),
    );
    return rows;
  }
}
