import { Injectable } from '@nestjs/common';
import { Timings } from '../../config/timings.js';
import { announce } from './announcements.js';
import { DisputeBooks, type BankDispute } from './bank-disputes.repository.js';
import { BankRefusal } from './bank.js';
import { BankRepository, type BankBooks } from './bank.repository.js';
import type { DisputeStep } from './payment-methods.js';

const EVIDENCE_MS = 7 * 24 * 3_600_000;

/** What each step makes of a dispute, what the bank tells of it, and whether it takes the money or gives it back. */
const STEPS: Readonly<
  Record<DisputeStep, Pick<BankDispute, 'status'> & { funds?: BankDispute['funds']; tells: readonly string[] }>
> = {
  open: { status: 'needs_response', funds: 'withdrawn', tells: ['created', 'funds_withdrawn'] },
  inquire: { status: 'warning_needs_response', funds: 'held', tells: ['created'] },
  win: { status: 'won', funds: 'reinstated', tells: ['funds_reinstated', 'closed'] },
  lose: { status: 'lost', tells: ['closed'] },
};

/** How payers complain at the simulated bank. */
@Injectable()
export class BankDisputes {
  constructor(
    private readonly repository: BankRepository,
    private readonly timings: Timings,
  ) {}

  /** @throws {BankRefusal} there is no such dispute, or not yet. */
  fetch(id: string): Promise<BankDispute> {
    return this.repository.transaction(async (books) => {
      const dispute = await new DisputeBooks(books).lock(id);
      if (dispute) await this.catchUp(books, dispute);
      if (!dispute?.status) throw new BankRefusal('not_found');
      return dispute;
    });
  }

  /** The newest first. @throws {BankRefusal} there is no such charge. */
  list(charge_id: string): Promise<BankDispute[]> {
    return this.repository.transaction(async (books) => {
      if (!(await books.find(charge_id))) throw new BankRefusal('not_found');
      const disputes = await new DisputeBooks(books).ofCharge(charge_id);
      for (const dispute of disputes) await this.catchUp(books, dispute);
      return disputes.filter(({ status }) => status !== null);
    });
  }

  /** Does what is due. @returns how many. */
  settle(limit: number): Promise<number> {
    return this.repository.transaction(async (books) => {
      const due = await new DisputeBooks(books).due(limit);
      for (const dispute of due) await this.catchUp(books, dispute);
      return due.length;
    });
  }

  /** The next step of its plan, when its time has come. */
  private async catchUp(books: BankBooks, dispute: BankDispute): Promise<void> {
    const now = await books.now();
    const [step, ...plan] = dispute.plan;
    if (!step || !dispute.next_at || dispute.next_at > now) return;
    const { tells, ...becomes } = STEPS[step];
    const before = dispute.funds;
    const next_at = plan.length > 0 ? new Date(now.getTime() + this.timings.simulator_delay_ms) : null;
    Object.assign(dispute, becomes, { plan, next_at });
    dispute.evidence_due_at ??= new Date(now.getTime() + EVIDENCE_MS);
    await new DisputeBooks(books).save(dispute);
    const charge = (await books.find(dispute.charge_id))!;
    if (before === 'held' && dispute.funds === 'withdrawn') await books.move(charge, -dispute.amount, 'dispute');
    if (dispute.funds === 'reinstated') await books.move(charge, dispute.amount, 'dispute_return');
    for (const told of tells) {
      await announce(books, charge, `charge.dispute.${told}`, { id: dispute.id, object: 'dispute' });
    }
  }
}
