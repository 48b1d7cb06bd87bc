import { Injectable } from '@nestjs/common';
import { AttemptsRepository } from '../charges/attempts.repository.js';
import { DisputesRepository } from '../disputes/disputes.repository.js';
import { ProviderOperationsRepository } from '../gateways/provider-operations.repository.js';
import { RefundsRepository } from '../refunds/refunds.repository.js';

/** One thing that happened to a payment. */
export interface TimelineEntry {
  readonly at: Date;
  readonly type: 'transition' | 'attempt' | 'operation' | 'refund' | 'dispute';
  /** What: a status, a try's number, a word to the provider, or which refund or dispute. */
  readonly what: string;
  readonly status: string;
  /** Of a step: who brought it about. */
  readonly actor: string | null;
  /** Of a step: the payment's, the refund's or the dispute's after it. */
  readonly version: number | null;
  readonly error_code: string | null;
  readonly decline_code: string | null;
}

interface Step {
  readonly created_at: Date;
  readonly to_status: string;
  readonly actor: string;
  readonly version: number;
}

const NOTHING = { actor: null, version: null, error_code: null, decline_code: null };

const stepOf = (
  type: TimelineEntry['type'],
  what: string,
  { created_at: at, to_status: status, actor, version }: Step,
): TimelineEntry => ({ ...NOTHING, at, type, what, status, actor, version });

/** All that has happened to one payment. Joins the caller's scope. */
@Injectable()
export class PaymentHistory {
  constructor(
    private readonly attempts: AttemptsRepository,
    private readonly operations: ProviderOperationsRepository,
    private readonly refunds: RefundsRepository,
    private readonly disputes: DisputesRepository,
  ) {}

  /** The oldest first. */
  async list(payment_id: string): Promise<TimelineEntry[]> {
    const entries = [
      ...(await this.attempts.steps(payment_id)).map((step) => stepOf('transition', step.to_status, step)),
      ...(await this.tries(payment_id)),
      ...(await this.words(payment_id)),
      ...(await this.refunds.steps(payment_id)).map((step) => stepOf('refund', step.refund_id, step)),
      ...(await this.disputes.steps(payment_id)).map((step) => stepOf('dispute', step.dispute_id, step)),
    ];
    return entries.toSorted((one, other) => one.at.getTime() - other.at.getTime());
  }

  private async tries(payment_id: string): Promise<TimelineEntry[]> {
    const tries = await this.attempts.list(payment_id);
    return tries.map(({ created_at: at, seq, status, error_code, decline_code }) => ({
      ...NOTHING,
      at,
      type: 'attempt',
      what: `attempt ${seq}`,
      status,
      error_code,
      decline_code,
    }));
  }

  private async words(payment_id: string): Promise<TimelineEntry[]> {
    const words = await this.operations.list(payment_id);
    return words.map(({ first_sent_at: at, operation: what, state: status, error_code }) => ({
      ...NOTHING,
      at,
      type: 'operation',
      what,
      status,
      error_code,
    }));
  }
}
