import { Injectable } from '@nestjs/common';
import { Repeats } from '../../common/repetitions.js';
import { BooksWatch } from '../invariants/books-watch.js';
import { Completer } from './completer.js';
import { Reconciler } from './reconciler.js';
import { RefundReconciler } from './refund-reconciler.js';

const MANY = 20;

/** What works behind the payments, in every process that works. */
@Injectable()
export class PaymentsWorker {
  constructor(
    private readonly reconciler: Reconciler,
    private readonly refunds: RefundReconciler,
    private readonly completer: Completer,
    private readonly watch: BooksWatch,
  ) {}

  /** Brings payments to their end. @returns whether there are more. */
  @Repeats({ what: 'Reconciling payments', every: 'reconcile_poll_ms' })
  async reconcilePayments(signal: AbortSignal): Promise<boolean> {
    return (await this.reconciler.round(signal)) >= MANY;
  }

  /** Brings refunds to their end. @returns whether there are more. */
  @Repeats({ what: 'Reconciling refunds', every: 'reconcile_poll_ms' })
  async reconcileRefunds(signal: AbortSignal): Promise<boolean> {
    return (await this.refunds.round(signal)) >= MANY;
  }

  /** Answers requests that nobody came back to. @returns whether there are more. */
  @Repeats({ what: 'Completing requests', every: 'reconcile_poll_ms' })
  async completeRequests(): Promise<boolean> {
    return (await this.completer.round()) >= MANY;
  }

  /** Holds what must be true of the books against them. */
  @Repeats({ what: 'Checking the books', every: 'invariants_ms', waits_first: true })
  async checkBooks(): Promise<boolean> {
    await this.watch.round();
    return false;
  }
}
