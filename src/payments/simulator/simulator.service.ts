import { Injectable } from '@nestjs/common';
import { UnprocessableError } from '../../common/service-error.js';
import { exact } from '../money/minor-units.js';
import { assertRepresentable } from '../money/money-rules.js';
import { toProvider } from '../money/provider-amounts.js';
import { PaymentNotFoundError, PaymentStateConflictError } from '../payments.errors.js';
import { RefundExceedsCapturedError } from '../refunds/refunds.errors.js';
import { BankRefunds } from '../bank/bank-refunds.js';
import { RefundBooks, type BankRefund } from '../bank/bank-refunds.repository.js';
import { Bank, BankRefusal } from '../bank/bank.js';
import { BankRepository } from '../bank/bank.repository.js';
import { Deliveries } from '../bank/deliveries.js';
import { MAGIC_METHODS, type MagicMethod } from '../bank/payment-methods.js';
import type { AuthenticationOutcome, BankCharge, FaultOrder, RefundAtBank, WebhooksFlush } from './simulator.dto.js';

export class AuthenticationTokenInvalidError extends UnprocessableError {
  static override readonly code = 'token_invalid';
  static override readonly title = 'The token is unknown, used or expired';
}

/** The levers of the simulated bank. */
@Injectable()
export class SimulatorService {
  constructor(
    private readonly bank: Bank,
    private readonly refunds: BankRefunds,
    private readonly repository: BankRepository,
    private readonly deliveries: Deliveries,
  ) {}

  /** Every payment method that the simulator knows. */
  methods(): readonly MagicMethod[] {
    return MAGIC_METHODS;
  }

  /**
   * What the payer did at the bank's page.
   * @returns where the payer goes on.
   * @throws {AuthenticationTokenInvalidError} the token is good for one answer.
   */
  async authenticateByToken(token: string, outcome: AuthenticationOutcome): Promise<{ return_url: string | null }> {
    const result = await this.bank.authenticate(this.bank.byToken(token), outcome);
    if (!result) throw new AuthenticationTokenInvalidError();
    return result;
  }

  /** The same, by the payment. @throws {PaymentNotFoundError} the bank does not wait for the payer of such a payment. */
  async authenticate(payment_id: string, outcome: AuthenticationOutcome): Promise<{ return_url: string | null }> {
    const result = await this.bank.authenticate((books) => books.lockByPayment(payment_id), outcome);
    if (!result) throw new PaymentNotFoundError(payment_id);
    return result;
  }

  /** What the bank has made, for a payment or at all; the newest first. */
  async charges(payment_id?: string): Promise<BankCharge[]> {
    const rows = await this.repository.query<Record<keyof Omit<BankCharge, 'refunds'>, string>>(
      `SELECT c.id, c.status, c.amount, c.currency, c.amount_received, c.tries,
         (SELECT count(*) FROM simulator.movements m WHERE m.charge_id = c.id AND m.kind = 'charge') AS times_charged
       FROM simulator.charges c WHERE $1::uuid IS NULL OR c.payment_id = $1 ORDER BY c.created_at DESC, c.id LIMIT 100`,
      [payment_id ?? null],
    );
    const refunds = await this.refundsOf(rows.map(({ id }) => id));
    return rows.map(({ id, status, currency, ...counts }) => ({
      id,
      status,
      currency,
      amount: exact(counts.amount),
      amount_received: exact(counts.amount_received),
      times_charged: exact(counts.times_charged),
      tries: exact(counts.tries),
      refunds: refunds.filter(({ charge_id }) => charge_id === id).map(atBank),
    }));
  }

  /**
   * As somebody does at a provider's own pages.
   * @param amount - in our minor unit; null for all that is left.
   * @throws {PaymentNotFoundError} the bank has nothing of such a payment.
   * @throws {PaymentStateConflictError} it has taken nothing.
   * @throws {RefundExceedsCapturedError} more than is left.
   * @throws {AmountNotRepresentableError}
   */
  async refund(payment_id: string, amount: number | null): Promise<RefundAtBank> {
    const charge = await this.bank.findByPayment(payment_id);
    if (!charge) throw new PaymentNotFoundError(payment_id);
    const currency = charge.currency.toUpperCase();
    if (amount !== null) assertRepresentable('simulator', amount, currency);
    const theirs = amount === null ? null : toProvider('simulator', amount, currency);
    const wanted = { refund_id: null, amount: theirs, reason: null };
    const made = this.repository.transaction((books) => this.refunds.make(books, charge.id, wanted));
    return atBank(
      await made.catch((error: unknown) => {
        if (!(error instanceof BankRefusal)) throw error;
        if (error.code === 'charge_not_captured') throw new PaymentStateConflictError(payment_id, charge.status);
        throw new RefundExceedsCapturedError();
      }),
    );
  }

  /** Delivers every webhook that waits. @returns how many. */
  flush({ order, duplicates, drop }: WebhooksFlush): Promise<number> {
    return this.deliveries.flush(order, duplicates, drop);
  }

  /** Has time pass at the bank: it forgets keys after a day, and authorisations lapse. */
  async advanceClock(hours: number): Promise<void> {
    await this.repository.query(`UPDATE simulator.clock SET advanced = advanced + $1 * interval '1 hour'`, [hours]);
    await this.repository.query(
      `DELETE FROM simulator.requests WHERE created_at < now() + (SELECT advanced FROM simulator.clock) - interval '24 hours'`,
    );
  }

  /** Has the next requests of a kind go wrong. */
  async order({ operation, fault, next_n }: FaultOrder): Promise<void> {
    await this.repository.query('INSERT INTO simulator.faults (operation, fault, remaining) VALUES ($1, $2, $3)', [
      operation,
      fault,
      next_n,
    ]);
  }

  /**
   * Puts the clock right and forgets every fault that was ordered. What the bank has taken it keeps, and what it was about
   * to settle, by a clock that was ahead, it settles now.
   */
  async reset(): Promise<void> {
    await this.repository.query('DELETE FROM simulator.faults');
    await this.repository.query('UPDATE simulator.charges SET settles_at = now() WHERE settles_at IS NOT NULL');
    await this.repository.query('UPDATE simulator.refunds SET settles_at = now() WHERE settles_at IS NOT NULL');
    await this.repository.query('UPDATE simulator.disputes SET next_at = now() WHERE next_at IS NOT NULL');
    await this.repository.query(`UPDATE simulator.clock SET advanced = '0'`);
  }

  private async refundsOf(charge_ids: readonly string[]): Promise<BankRefund[]> {
    return this.repository.transaction((books) => new RefundBooks(books).ofCharges(charge_ids));
  }
}

const atBank = ({ id, refund_id, status, amount, currency }: BankRefund): RefundAtBank => ({
  id,
  refund_id,
  status,
  amount,
  currency,
});
