import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { PaymentsRepository } from '../payments.repository.js';
import type { Refund } from '../refunds/refund.entity.js';
import { RefundsRepository } from '../refunds/refunds.repository.js';
import { RefundSnapshots } from '../repayments/refund-snapshots.js';
import { isOpen } from '../repayments/refund-states.js';
import { Refunding } from '../repayments/refunding.js';
import { MOST_QUESTIONS } from './patience.js';
import { ReconcilerDesk } from './reconciler-desk.js';

const BATCH = 20;

/**
 * Brings refunds to an end that nobody brings news of: one that the provider has is asked for, one that it may not have is
 * looked for there and, where it is not, asked for once more. It was promised to whoever wanted it.
 */
@Injectable()
export class RefundReconciler {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly refunds: RefundsRepository,
    private readonly refunding: Refunding,
    private readonly snapshots: RefundSnapshots,
    private readonly desk: ReconcilerDesk,
  ) {}

  /** Looks after the refunds that are due. Any number of processes may do this at once. @returns how many there were. */
  async round(signal: AbortSignal): Promise<number> {
    const due = await this.refunds.claimDue(BATCH, this.desk.lease_ms, this.refunding.assertTakesMoney());
    const claimed = signal.aborted ? [] : due;
    await Promise.all(claimed.map(({ id, tenant_id }) => this.database.asTenant(tenant_id, () => this.reconcile(id))));
    return due.length;
  }

  /** Asks the provider how a refund stands, and does what follows. Joins the caller's scope. */
  async reconcile(id: string): Promise<Refund | null> {
    const refund = await this.refunds.find(id);
    const payment = refund && (await this.payments.find(refund.payment_id));
    if (!refund || !payment) return null;
    const seen = await this.refunding.follow(payment, refund, this.desk.deadline(), { actor: 'reconciler' });
    // Where the provider refuses our key nothing was asked, and nobody comes here.
    if (seen.version === refund.version) await this.refunds.count(seen);
    return this.later(seen);
  }

  /** The same patience as with payments. */
  private async later(refund: Refund): Promise<Refund> {
    const { id, status, needs_review, reconcile_attempts } = refund;
    if (!isOpen(status) || needs_review) return refund;
    if (reconcile_attempts >= MOST_QUESTIONS) return this.snapshots.setAside(refund, 'stuck');
    await this.refunds.schedule(id, this.desk.patience(reconcile_attempts));
    return refund;
  }
}
