import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import type { IdempotencyKey } from '../idempotency/idempotency-key.entity.js';
import { IdempotencyKeys } from '../idempotency/idempotency-keys.js';
import { IdempotencyKeysRepository } from '../idempotency/idempotency-keys.repository.js';
import { LateAnswers } from './late-answers.js';

const BATCH = 20;
/** Before a day is over every key has its answer. */
const LAST_HOUR = 23;

/** Gives requests that a crash has interrupted, and to which nobody came back, the answer that they have earned. */
@Injectable()
export class Completer {
  constructor(
    private readonly database: Database,
    private readonly rows: IdempotencyKeysRepository,
    private readonly keys: IdempotencyKeys,
    private readonly answers: LateAnswers,
    private readonly timings: Timings,
  ) {}

  /** @returns how many were looked at. */
  async round(): Promise<number> {
    const { payment_grace_ms: grace_ms, payment_lease_ms: lease_ms } = this.timings;
    return this.database.asSystem(async () => {
      const abandoned = await this.rows.claimAbandoned(BATCH, randomUUID(), { grace_ms, lease_ms });
      for (const key of abandoned) await this.complete(key);
      return abandoned.length;
    });
  }

  private async complete(key: IdempotencyKey): Promise<void> {
    const isOld = Date.now() - key.created_at.getTime() > LAST_HOUR * 3_600_000;
    const answer = await this.answers.find(key, isOld);
    if (answer) await this.keys.finish(key, answer);
  }
}
