import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Timings } from '../../config/timings.js';
import { announce } from './announcements.js';
import { RefundBooks, type BankRefund } from './bank-refunds.repository.js';
import { Bank, BankRefusal } from './bank.js';
import { BankRepository, type BankBooks } from './bank.repository.js';
import { findMethod } from './payment-methods.js';

export interface NewRefund {
  /** Null for one that somebody makes at the bank. */
  readonly refund_id: string | null;
  /** Null for all that is left. */
  readonly amount: number | null;
  readonly reason: string | null;
}

const counts = ({ status }: BankRefund): boolean => status !== 'failed';

/** How the simulated bank gives money back. */
@Injectable()
export class BankRefunds {
  constructor(
    private readonly bank: Bank,
    private readonly repository: BankRepository,
    private readonly timings: Timings,
  ) {}

  /** Never more than the charge has taken. @throws {BankRefusal} */
  async make(books: BankBooks, charge_id: string, wanted: NewRefund): Promise<BankRefund> {
    const charge = await this.bank.getLocked(books, charge_id);
    if (charge.amount_received === 0) throw new BankRefusal('charge_not_captured');
    const rows = new RefundBooks(books);
    const gone = (await rows.ofCharge(charge_id)).filter(counts).reduce((sum, { amount }) => sum + amount, 0);
    const left = charge.amount_received - gone;
    const amount = wanted.amount ?? left;
    if (left === 0) throw new BankRefusal('charge_already_refunded');
    if (amount > left) throw new BankRefusal('refund_exceeds_charge');
    const manner = findMethod(charge.payment_method)?.refund ?? 'succeeds';
    const later = new Date((await books.now()).getTime() + this.timings.simulator_delay_ms);
    const { payment_id, tenant_id, currency } = charge;
    const refund: BankRefund = {
      id: `re_sim_${randomBytes(12).toString('hex')}`,
      charge_id,
      payment_id,
      tenant_id,
      currency,
      amount,
      failure_code: null,
      refund_id: wanted.refund_id,
      reason: wanted.reason,
      status: manner === 'waits' ? 'pending' : 'succeeded',
      settles_at: manner === 'succeeds' ? null : later,
      settles_to: manner === 'succeeds' ? null : manner === 'waits' ? 'succeeded' : 'failed',
    };
    await rows.insert(refund);
    if (refund.status === 'succeeded') await books.move(charge, -amount, 'refund');
    await announce(books, charge, 'refund.created', { id: refund.id, object: 'refund', refund_id: refund.refund_id });
    return refund;
  }

  /** @throws {BankRefusal} there is no such refund. */
  fetch(id: string): Promise<BankRefund> {
    return this.repository.transaction(async (books) => {
      const refund = await new RefundBooks(books).lock(id);
      if (!refund) throw new BankRefusal('not_found');
      await this.catchUp(books, refund);
      return refund;
    });
  }

  /** The newest first. @throws {BankRefusal} there is no such charge. */
  list(charge_id: string): Promise<BankRefund[]> {
    return this.repository.transaction(async (books) => {
      await this.bank.getLocked(books, charge_id);
      const refunds = await new RefundBooks(books).ofCharge(charge_id);
      for (const refund of refunds) await this.catchUp(books, refund);
      return refunds;
    });
  }

  /** Settles what is due. @returns how many. */
  settle(limit: number): Promise<number> {
    return this.repository.transaction(async (books) => {
      const due = await new RefundBooks(books).due(limit);
      for (const refund of due) await this.catchUp(books, refund);
      return due.length;
    });
  }

  /** What has become of it while nobody looked. */
  private async catchUp(books: BankBooks, refund: BankRefund): Promise<void> {
    const { settles_at, settles_to, status: before, amount, id, refund_id } = refund;
    if (!settles_at || !settles_to || settles_at > (await books.now())) return;
    const failure_code = settles_to === 'failed' ? 'expired_or_canceled_card' : null;
    Object.assign(refund, { status: settles_to, failure_code, settles_at: null, settles_to: null });
    await new RefundBooks(books).save(refund);
    const charge = (await books.find(refund.charge_id))!;
    if (settles_to === 'succeeded') await books.move(charge, -amount, 'refund');
    else if (before === 'succeeded') await books.move(charge, amount, 'refund_return');
    const type = settles_to === 'failed' ? 'refund.failed' : 'refund.updated';
    await announce(books, charge, type, { id, object: 'refund', refund_id });
  }
}
