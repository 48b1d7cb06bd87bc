import { Injectable } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import type { Payment } from '../payment.entity.js';
import { ProviderOperation, type Operation, type OperationState } from './provider-operation.entity.js';

/** Providers keep keys for at least a day. */
const POST_HOURS = 23;

/** The journal of what is asked of the provider. Joins the caller's transaction and scope. */
@Injectable()
export class ProviderOperationsRepository {
  constructor(private readonly database: Database) {}

  /** Writes it down, to be committed before it is sent. The number grows with each operation of its kind. */
  async insert(
    { id: payment_id, tenant_id, provider }: Payment,
    operation: Operation,
    request: object,
    { seq, refund_id = null }: { readonly seq?: number; readonly refund_id?: string | null } = {},
  ): Promise<ProviderOperation> {
    return this.database.run(async (manager) => {
      const number = seq ?? 1 + (await manager.countBy(ProviderOperation, { payment_id, operation }));
      const now = new Date();
      const row = manager.create(ProviderOperation, {
        id: uuidv7(),
        tenant_id,
        payment_id,
        refund_id,
        provider,
        operation,
        seq: number,
        idempotency_key: `pay:${payment_id}:${operation}:${number}`,
        request,
        state: 'sent',
        attempts: 1,
        first_sent_at: now,
        last_sent_at: now,
        post_until: new Date(now.getTime() + POST_HOURS * 3_600_000),
        error_code: null,
        finished_at: null,
      });
      await manager.insert(ProviderOperation, row);
      return row;
    });
  }

  find(payment_id: string, operation: Operation, seq: number): Promise<ProviderOperation | null> {
    return this.database.run((manager) => manager.findOneBy(ProviderOperation, { payment_id, operation, seq }));
  }

  findById(id: string): Promise<ProviderOperation | null> {
    return this.database.run((manager) => manager.findOneBy(ProviderOperation, { id }));
  }

  findByRefund(refund_id: string): Promise<ProviderOperation | null> {
    return this.database.run((manager) => manager.findOneBy(ProviderOperation, { refund_id }));
  }

  list(payment_id: string): Promise<ProviderOperation[]> {
    return this.database.run((manager) =>
      manager.find(ProviderOperation, { where: { payment_id }, order: { id: 'ASC' } }),
    );
  }

  /** One more attempt is about to be sent. */
  async resent(id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE provider_operations SET attempts = attempts + 1, last_sent_at = now(), state = 'sent', finished_at = NULL
         WHERE id = $1 AND state IN ('sent', 'unknown')`,
        [id],
      ),
    );
  }

  async ended(id: string, state: Exclude<OperationState, 'sent'>, error_code: string | null = null): Promise<void> {
    const finished_at = state === 'unknown' ? null : new Date();
    await this.database.run((manager) =>
      manager.query(
        `UPDATE provider_operations SET state = $2, error_code = $3, finished_at = $4
         WHERE id = $1 AND state IN ('sent', 'unknown')`,
        [id, state, error_code, finished_at],
      ),
    );
  }

  /** What a person's requests held beyond ids and amounts. */
  async erase(owner_id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE provider_operations
         SET request = request - CASE operation WHEN 'refund' THEN '{reason}' ELSE '{return_url,payment_method}' END::text[]
         WHERE finished_at IS NOT NULL AND payment_id IN (SELECT id FROM payments WHERE owner_id = $1)`,
        [owner_id],
      ),
    );
  }
}
