import { Injectable } from '@nestjs/common';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import type { Payment } from '../payment.entity.js';
import { PaymentAttempt } from './attempt.entity.js';
import { PaymentTransition, type Mover } from './transition.entity.js';

/** Tries and steps of payments. Joins the caller's transaction and scope; writers hold the payment's lock. */
@Injectable()
export class AttemptsRepository {
  constructor(private readonly database: Database) {}

  /** In the order in which they were made. */
  list(payment_id: string): Promise<PaymentAttempt[]> {
    return this.database.run((manager) =>
      manager.find(PaymentAttempt, { where: { payment_id }, order: { seq: 'ASC' } }),
    );
  }

  /** @throws {AttemptInProgressError} another one is open. */
  async insert(
    { id: payment_id, tenant_id }: Payment,
    seq: number,
    payment_method: string | null,
  ): Promise<PaymentAttempt> {
    return this.database.run(async (manager) => {
      const attempt = manager.create(PaymentAttempt, {
        id: uuidv7(),
        tenant_id,
        payment_id,
        seq,
        payment_method,
        status: 'submitted',
        provider_attempt_id: null,
        error_code: null,
        decline_code: null,
        finished_at: null,
      });
      await manager.insert(PaymentAttempt, attempt);
      return attempt;
    });
  }

  async save({
    id,
    status,
    provider_attempt_id,
    error_code,
    decline_code,
    finished_at,
  }: PaymentAttempt): Promise<void> {
    const changes = { status, provider_attempt_id, error_code, decline_code, finished_at };
    await this.database.run((manager) => manager.update(PaymentAttempt, { id }, changes));
  }

  /** Writes down that the payment has reached its status and version. */
  async step(
    { id: payment_id, tenant_id, version, status }: Payment,
    from_status: Payment['status'] | null,
    { actor, actor_id = null }: Mover,
  ): Promise<void> {
    const transition = {
      id: uuidv7(),
      tenant_id,
      payment_id,
      version,
      from_status,
      to_status: status,
      actor,
      actor_id,
    };
    await this.database.run((manager) => manager.insert(PaymentTransition, transition));
  }

  steps(payment_id: string): Promise<PaymentTransition[]> {
    return this.database.run((manager) =>
      manager.find(PaymentTransition, { where: { payment_id }, order: { version: 'ASC' } }),
    );
  }

  /** With which methods a person tried to pay. */
  async erase(owner_id: string): Promise<void> {
    await this.database.run((manager) =>
      manager.query(
        `UPDATE payment_attempts SET payment_method = NULL
         WHERE payment_id IN (SELECT id FROM payments WHERE owner_id = $1)`,
        [owner_id],
      ),
    );
  }
}
