import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { isLeftOpen } from '../charges/snapshot-rules.js';
import { Snapshots, type Cause } from '../charges/snapshots.js';
import { ProviderCalls, type Outcome } from '../gateways/provider-calls.js';
import type { ProviderOperation } from '../gateways/provider-operation.entity.js';
import { ProviderOperationsRepository } from '../gateways/provider-operations.repository.js';
import type { Payment } from '../payment.entity.js';
import { PaymentsRepository } from '../payments.repository.js';
import { MOST_QUESTIONS } from './patience.js';
import { ReconcilerDesk } from './reconciler-desk.js';

const BATCH = 20;
/** Clocks differ. */
const AFTER_LAPSE_MS = 1_000;

/** A payment before and after the provider was asked, and what it has said. */
export interface Look {
  readonly before: Payment;
  readonly outcome: Outcome;
  readonly payment: Payment;
}

/**
 * Brings to an end what a crash, a lost answer or a lost webhook has left. What was confirmed is followed to its end; what
 * was not, and nobody waits for any more, is canceled: an absent client is never charged.
 */
@Injectable()
export class Reconciler {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly operations: ProviderOperationsRepository,
    private readonly calls: ProviderCalls,
    private readonly snapshots: Snapshots,
    private readonly desk: ReconcilerDesk,
  ) {}

  /** Looks after the payments that are due. Any number of processes may do this at once. @returns how many there were. */
  async round(signal: AbortSignal): Promise<number> {
    const due = await this.payments.claimDue(BATCH, this.desk.lease_ms, this.calls.assertTakesMoney());
    const claimed = signal.aborted ? [] : due;
    await Promise.all(claimed.map(({ id, tenant_id }) => this.database.asTenant(tenant_id, () => this.reconcile(id))));
    return due.length;
  }

  /** Asks the provider how a payment stands, and does what follows. Joins the caller's scope. */
  async reconcile(id: string): Promise<Payment | null> {
    const look = await this.look(id, this.desk.deadline(), (asked) => this.payments.count(asked));
    return look?.payment ?? null;
  }

  /**
   * The same, and what the provider has said.
   * @param deadline - milliseconds of the epoch.
   * @param count - takes note that the question was put: while the provider refuses our key, none is.
   */
  async look(
    id: string,
    deadline = this.desk.deadline(),
    count?: (asked: Payment) => Promise<void>,
  ): Promise<Look | null> {
    const before = await this.payments.find(id);
    if (!before) return null;
    const outcome = await this.withdrawn(before, await this.calls.fetch(before, deadline), deadline);
    await count?.(before);
    return { before, outcome, payment: await this.follow(before, outcome) };
  }

  private async follow(payment: Payment, outcome: Outcome): Promise<Payment> {
    if (outcome.kind === 'unknown') return this.later(payment);
    if (outcome.kind === 'rejected') return this.missing(payment);
    const seen = await this.snapshots.applySnapshot(payment.id, outcome.snapshot, causeOf(payment));
    if (seen.needs_review) return seen;
    if (seen.status !== 'processing' && seen.status !== 'requires_action') return this.later(seen);
    // The payer has come, and the provider is in the middle of it: there is nothing to cancel, and there will be an end.
    if (seen.status === 'requires_action' && outcome.snapshot.status === 'processing') return this.wait(seen);
    return this.isUnconfirmed(outcome, seen) ? this.giveBack(seen) : this.later(seen);
  }

  /** We wait for a try that the provider has not seen: its confirmation was never sent, or lost on the way. */
  private isUnconfirmed({ snapshot }: Extract<Outcome, { kind: 'answered' }>, { status }: Payment): boolean {
    const untouched = snapshot.status === 'requires_confirmation' || snapshot.status === 'requires_payment_method';
    return status === 'processing' && untouched;
  }

  private async missing(payment: Payment): Promise<Payment> {
    if (payment.provider_payment_id) return this.snapshots.setAside(payment.id, 'missing_at_provider');
    if (await this.desk.isAwaited(payment)) return this.later(payment);
    return this.snapshots.abandon(payment.id, causeOf(payment));
  }

  /** Nothing was taken: unless somebody may still come back to it, it ends. */
  private async giveBack(payment: Payment): Promise<Payment> {
    if (await this.desk.isAwaited(payment)) return this.later(payment);
    return this.cancel(payment);
  }

  /** What was canceled before it came to be at the provider is canceled there, too. @returns what the provider says then. */
  private async withdrawn(payment: Payment, told: Outcome, deadline: number): Promise<Outcome> {
    if (told.kind !== 'answered' || !isLeftOpen(payment, told.snapshot)) return told;
    const { provider_payment_id } = told.snapshot;
    const { operation, outcome } = await this.sendCancel({ ...payment, provider_payment_id }, deadline);
    if (outcome.kind !== 'answered') return told;
    await this.operations.ended(operation.id, 'succeeded');
    return outcome;
  }

  private async sendCancel(
    payment: Payment,
    deadline: number,
  ): Promise<{ operation: ProviderOperation; outcome: Outcome }> {
    // Under the payment's lock, so that of two at once each has a number of its own.
    const operation = await this.database.transaction(async () => {
      await this.payments.lock(payment.id);
      return this.operations.insert(payment, 'cancel', { reason: 'abandoned' });
    });
    const outcome = await this.calls.send(payment, operation, deadline);
    if (outcome.kind === 'rejected') await this.operations.ended(operation.id, 'rejected', outcome.code);
    return { operation, outcome };
  }

  private async cancel(payment: Payment): Promise<Payment> {
    const { operation, outcome } = await this.sendCancel(payment, this.desk.deadline());
    if (outcome.kind === 'unknown') return this.keep(payment);
    if (outcome.kind === 'rejected') return this.keep(await this.lookAgain(payment));
    return this.database.transaction(async () => {
      const canceled = await this.snapshots.applySnapshot(payment.id, outcome.snapshot, causeOf(payment));
      await this.operations.ended(operation.id, 'succeeded');
      return canceled;
    });
  }

  /** What cannot be canceled has moved meanwhile. */
  private async lookAgain(payment: Payment): Promise<Payment> {
    const outcome = await this.calls.fetch(payment, this.desk.deadline());
    if (outcome.kind !== 'answered') return payment;
    return this.snapshots.applySnapshot(payment.id, outcome.snapshot, causeOf(payment));
  }

  /** Nothing was canceled, and one try is enough for now: whoever waits for its payer is not canceled twice in a row. */
  private keep(payment: Payment): Promise<Payment> {
    return payment.status === 'requires_action' ? this.wait(payment) : this.later(payment);
  }

  /** Patience grows with every question, and ends: what waits for its payer is canceled then, the rest is for a person. */
  private async later(payment: Payment): Promise<Payment> {
    const { id, status, reconcile_attempts } = payment;
    if (!isFollowed(payment)) return payment;
    if (reconcile_attempts >= MOST_QUESTIONS) {
      if (status === 'requires_action') return this.cancel(payment);
      if (status === 'processing') return this.snapshots.setAside(id, 'stuck');
    }
    return this.wait(payment);
  }

  /** It is asked again later, however often it was asked. */
  private async wait(payment: Payment): Promise<Payment> {
    const { id, reconcile_attempts } = payment;
    if (!isFollowed(payment)) return payment;
    await this.payments.schedule(id, Math.min(this.desk.patience(reconcile_attempts), untilLapse(payment)));
    return payment;
  }
}

const isFollowed = ({ next_reconcile_at, needs_review }: Payment): boolean =>
  next_reconcile_at !== null && !needs_review;

/** The bank lets go of what it has reserved at a time that is known: it is asked right after. */
const untilLapse = ({ status, capture_before }: Payment): number => {
  const left_ms = status === 'requires_capture' && capture_before ? capture_before.getTime() - Date.now() : 0;
  return left_ms > 0 ? left_ms + AFTER_LAPSE_MS : Infinity;
};

const causeOf = ({ version }: Payment): Cause => ({ actor: 'reconciler', seen_version: version });
