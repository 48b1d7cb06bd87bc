import { Injectable } from '@nestjs/common';
import { Timings } from '../../config/timings.js';
import { IdempotencyKeysRepository } from '../idempotency/idempotency-keys.repository.js';
import type { Payment } from '../payment.entity.js';
import { patience } from './patience.js';

/** What the reconciler must know of time, and of whoever may still come back. */
@Injectable()
export class ReconcilerDesk {
  constructor(
    private readonly keys: IdempotencyKeysRepository,
    private readonly timings: Timings,
  ) {}

  get lease_ms(): number {
    return this.timings.payment_lease_ms;
  }

  deadline(): number {
    return Date.now() + this.timings.provider_timeout_ms;
  }

  /** For somebody who waits for the answer. */
  answerDeadline(): number {
    return Date.now() + this.timings.payment_answer_ms;
  }

  patience(questions: number): number {
    return patience(questions, this.timings.reconcile_step_ms);
  }

  /** Whether a request works on it, or its client may send it again. */
  isAwaited({ id }: Payment): Promise<boolean> {
    const { payment_grace_ms, payment_lease_ms } = this.timings;
    return this.keys.isAwaited(id, Math.max(payment_grace_ms, payment_lease_ms));
  }
}
