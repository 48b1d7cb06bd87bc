import { Injectable } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import { IdempotencyKey, type RecoveryPoint } from './idempotency-key.entity.js';

export type NewKey = Pick<
  IdempotencyKey,
  'tenant_id' | 'owner_id' | 'key' | 'request_hash' | 'request_path' | 'success_status' | 'request_id'
>;

/** How long an answer is given again. What has no answer yet is kept until it has one. */
const KEPT = '72 hours';

/** Every question about keys. Joins the caller's transaction and scope. */
@Injectable()
export class IdempotencyKeysRepository {
  constructor(private readonly database: Database) {}

  /** The key for whoever comes first; null for everybody else. */
  async insert(key: NewKey, lock_token: string, lease_ms: number): Promise<IdempotencyKey | null> {
    const row = { ...key, id: uuidv7(), lock_token, recovery_point: 'started', runs: 1 } as const;
    const [inserted = null] = await this.query<IdempotencyKey>(
      `INSERT INTO idempotency_keys (id, tenant_id, owner_id, key, request_hash, request_path, success_status, request_id,
         lock_token, locked_until)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10 * interval '1 millisecond')
       ON CONFLICT ON CONSTRAINT idempotency_keys_owner_key DO NOTHING RETURNING *`,
      [
        row.id,
        row.tenant_id,
        row.owner_id,
        row.key,
        row.request_hash,
        row.request_path,
        row.success_status,
        row.request_id,
        lock_token,
        lease_ms,
      ],
    );
    return inserted;
  }

  find(owner_id: string, key: string): Promise<IdempotencyKey | null> {
    return this.database.run((manager) => manager.findOneBy(IdempotencyKey, { owner_id, key }));
  }

  /** Takes over what nobody works on any more: of several who try, one gets it. */
  async takeOver(
    { id, lock_token }: IdempotencyKey,
    next: { lock_token: string; request_id: string },
    lease_ms: number,
  ): Promise<IdempotencyKey | null> {
    const [rows] = await this.change(
      `UPDATE idempotency_keys SET lock_token = $3, request_id = $4, runs = runs + 1, last_run_at = now(),
         locked_until = now() + $5 * interval '1 millisecond'
       WHERE id = $1 AND lock_token = $2 AND finished_at IS NULL AND locked_until < now() RETURNING *`,
      [id, lock_token, next.lock_token, next.request_id, lease_ms],
    );
    return rows[0] ?? null;
  }

  /** Holds the key's row until the transaction ends. @returns whether it is still this run's. */
  async hold(id: string, lock_token: string): Promise<boolean> {
    const rows = await this.query(
      'SELECT 1 FROM idempotency_keys WHERE id = $1 AND lock_token = $2 AND finished_at IS NULL FOR UPDATE',
      [id, lock_token],
    );
    return rows.length > 0;
  }

  async advance(
    id: string,
    point: RecoveryPoint,
    { payment_id, operation_id }: { payment_id?: string; operation_id?: string },
  ): Promise<void> {
    await this.query(
      `UPDATE idempotency_keys SET recovery_point = $2, payment_id = coalesce($3, payment_id),
         operation_id = coalesce($4, operation_id) WHERE id = $1`,
      [id, point, payment_id ?? null, operation_id ?? null],
    );
  }

  /** @returns false where another run has taken over. */
  async finish(
    { id, lock_token }: Pick<IdempotencyKey, 'id' | 'lock_token'>,
    answer: Pick<IdempotencyKey, 'response_status' | 'response_headers' | 'response_body' | 'key_id'>,
  ): Promise<boolean> {
    const [rows] = await this.change(
      `UPDATE idempotency_keys SET recovery_point = 'finished', finished_at = now(), response_status = $3,
         response_headers = $4, response_body = $5, key_id = $6
       WHERE id = $1 AND lock_token = $2 AND finished_at IS NULL RETURNING id`,
      [
        id,
        lock_token,
        answer.response_status,
        JSON.stringify(answer.response_headers),
        answer.response_body,
        answer.key_id,
      ],
    );
    return rows.length > 0;
  }

  /** Lets go of a key whose request failed on our side: the next one with it goes on. */
  async release(id: string, lock_token: string): Promise<void> {
    await this.query(
      `UPDATE idempotency_keys SET locked_until = now() WHERE id = $1 AND lock_token = $2 AND finished_at IS NULL`,
      [id, lock_token],
    );
  }

  /** Forgets a key whose request was never begun. */
  async forget(id: string, lock_token: string): Promise<void> {
    await this.query(
      'DELETE FROM idempotency_keys WHERE id = $1 AND lock_token = $2 AND finished_at IS NULL AND payment_id IS NULL',
      [id, lock_token],
    );
  }

  /** Whether a client's request works on a payment, or may be sent again. Who only answers it in its place is no client. */
  async isAwaited(payment_id: string, grace_ms: number): Promise<boolean> {
    const rows = await this.query(
      `SELECT 1 FROM idempotency_keys WHERE payment_id = $1 AND finished_at IS NULL
         AND last_run_at > now() - $2 * interval '1 millisecond' LIMIT 1`,
      [payment_id, grace_ms],
    );
    return rows.length > 0;
  }

  /** Takes over keys to which nobody has come back, the longest waiting first. */
  async claimAbandoned(
    limit: number,
    lock_token: string,
    { grace_ms, lease_ms }: { grace_ms: number; lease_ms: number },
  ): Promise<IdempotencyKey[]> {
    const [rows] = await this.change(
      `WITH abandoned AS MATERIALIZED (
         SELECT id FROM idempotency_keys
         WHERE finished_at IS NULL AND locked_until < now() AND last_run_at < now() - $2 * interval '1 millisecond'
         ORDER BY last_run_at LIMIT $1 FOR UPDATE SKIP LOCKED
       )
       UPDATE idempotency_keys AS k SET lock_token = $3, locked_until = now() + $4 * interval '1 millisecond'
       FROM abandoned WHERE k.id = abandoned.id RETURNING k.*`,
      [limit, grace_ms, lock_token, lease_ms],
    );
    return rows;
  }

  /** A deleted account repeats nothing. */
  async erase(owner_id: string): Promise<void> {
    await this.query('DELETE FROM idempotency_keys WHERE owner_id = $1', [owner_id]);
  }

  @DeletesExpired('idempotency keys')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'idempotency_keys', at: 'finished_at', kept: KEPT });
  }

  private query<Row>(sql: string, parameters: unknown[]): Promise<Row[]> {
    return this.database.run((manager) => manager.query<Row[]>(sql, parameters));
  }

  private change(sql: string, parameters: unknown[]): Promise<[IdempotencyKey[], number]> {
    return this.database.run((manager) => manager.query<[IdempotencyKey[], number]>(sql, parameters));
  }
}
