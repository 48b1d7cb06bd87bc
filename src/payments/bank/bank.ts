import { createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Keyring } from '../../common/keyring.js';
import { hashOfToken } from '../../common/one-time-token.js';
import { Timings } from '../../config/timings.js';
import { announce } from './announcements.js';
import { DisputeBooks } from './bank-disputes.repository.js';
import { BankBooks, BankRepository, type BankAnswer, type Charge } from './bank.repository.js';
import { findMethod, type Decline } from './payment-methods.js';

const HOUR_MS = 3_600_000;

/** The bank understood, and says no. */
export class BankRefusal extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

export interface NewCharge {
  readonly payment_id: string;
  readonly tenant_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly capture_method: string;
}

const AUTHENTICATION_FAILED: Decline = { code: 'authentication_failed', decline_code: null };

/** The simulated bank's rules, which are Stripe's as far as they go. */
@Injectable()
export class Bank {
  constructor(
    private readonly repository: BankRepository,
    private readonly keyring: Keyring,
    private readonly timings: Timings,
  ) {}

  /**
   * Does a request once, and gives whoever repeats it under the same key the same answer.
   * @throws {BankRefusal} what was refused once is refused again.
   */
  async once<Made extends object>(key: string, work: (books: BankBooks) => Promise<Made>): Promise<Made> {
    const answer = await this.repository.transaction(async (books): Promise<BankAnswer<Made>> => {
      const request = await books.lockRequest(key);
      if (request?.body) return request.body as BankAnswer<Made>;
      const result = await work(books).then(
        (made): BankAnswer<Made> => ({ made, error: null }),
        (error: unknown): BankAnswer<Made> => {
          if (error instanceof BankRefusal) return { made: null, error: error.code };
          throw error;
        },
      );
      await books.answer(key, result);
      return result;
    });
    if (!answer.made) throw new BankRefusal(answer.error ?? 'refused');
    return revived(answer.made);
  }

  create(books: BankBooks, wanted: NewCharge): Promise<Charge> {
    return books.insert({ id: `pi_sim_${randomBytes(12).toString('hex')}`, ...wanted });
  }

  /** @throws {BankRefusal} */
  async confirm(books: BankBooks, id: string, payment_method: string, return_url: string | null): Promise<Charge> {
    const charge = await this.getLocked(books, id);
    const method = findMethod(payment_method);
    if (!method) throw new BankRefusal('payment_method_unknown');
    if (charge.status !== 'requires_confirmation' && charge.status !== 'requires_payment_method') {
      throw new BankRefusal('unexpected_state');
    }
    Object.assign(charge, {
      payment_method,
      return_url,
      tries: charge.tries + 1,
      error_code: null,
      decline_code: null,
    });
    if (method.manner === 'reordered') return this.reorder(books, charge);
    await this.proceed(books, charge, method.outcome);
    return charge;
  }

  /** @throws {BankRefusal} */
  async capture(books: BankBooks, id: string, amount: number): Promise<Charge> {
    const charge = await this.getLocked(books, id);
    if (charge.status !== 'requires_capture') throw new BankRefusal('unexpected_state');
    if (amount > charge.amount) throw new BankRefusal('amount_too_large');
    await this.take(books, charge, amount);
    return charge;
  }

  /** @throws {BankRefusal} */
  async cancel(books: BankBooks, id: string, cancellation_reason: string): Promise<Charge> {
    const charge = await this.getLocked(books, id);
    if (['processing', 'succeeded', 'canceled'].includes(charge.status)) throw new BankRefusal('unexpected_state');
    await this.change(books, charge, { status: 'canceled', authentication_hash: null, cancellation_reason });
    return charge;
  }

  /** @throws {BankRefusal} there is no such charge. */
  fetch(id: string): Promise<Charge> {
    return this.repository.transaction((books) => this.getLocked(books, id));
  }

  async findByPayment(payment_id: string): Promise<Charge | null> {
    return this.repository.transaction(async (books) => {
      const charge = await books.lockByPayment(payment_id);
      if (charge) await this.catchUp(books, charge);
      return charge;
    });
  }

  /** What the payer did at the bank's page. @returns where the payer is to go on; null where the token is worth nothing. */
  async authenticate(
    find: (books: BankBooks) => Promise<Charge | null>,
    outcome: 'success' | 'fail' | 'abandon',
  ): Promise<{ return_url: string | null } | null> {
    return this.repository.transaction(async (books) => {
      const charge = await find(books);
      if (charge?.status !== 'requires_action') return null;
      const { return_url } = charge;
      if (outcome === 'abandon') return { return_url };
      charge.authentication_hash = null;
      if (outcome === 'fail') await this.decline(books, charge, AUTHENTICATION_FAILED);
      else await this.proceed(books, charge, findMethod(charge.payment_method)?.after ?? 'succeed');
      return { return_url };
    });
  }

  byToken(token: string): (books: BankBooks) => Promise<Charge | null> {
    return (books) => books.lockByToken(hashOfToken(token));
  }

  /** Of one try, and good for one answer. */
  tokenOf({ id, tries }: Charge): string {
    const key = this.keyring.derive('simulator-authentication');
    return createHmac('sha256', key).update(`${id}:${tries}`).digest('base64url');
  }

  /** Settles what is due, and lets authorisations lapse. @returns how many. */
  async settle(limit: number): Promise<number> {
    return this.repository.transaction(async (books) => {
      const due = await books.due(limit);
      for (const charge of due) await this.catchUp(books, charge);
      return due.length;
    });
  }

  /** The charge, with what has become of it meanwhile. @throws {BankRefusal} there is no such charge. */
  async getLocked(books: BankBooks, id: string): Promise<Charge> {
    const charge = await books.lock(id);
    if (!charge) throw new BankRefusal('not_found');
    await this.catchUp(books, charge);
    return charge;
  }

  /** What has become of it while nobody looked. */
  private async catchUp(books: BankBooks, charge: Charge): Promise<void> {
    const now = await books.now();
    if (charge.settles_at && charge.settles_at <= now) {
      charge.settles_at = null;
      await this.proceed(books, charge, charge.settles_to ?? 'succeed');
    } else if (charge.status === 'requires_capture' && charge.capture_before && charge.capture_before <= now) {
      await this.change(books, charge, { status: 'canceled', cancellation_reason: 'expired' });
    }
  }

  private async proceed(
    books: BankBooks,
    charge: Charge,
    outcome: 'succeed' | 'decline' | 'authenticate' | 'process',
  ): Promise<void> {
    const method = findMethod(charge.payment_method)!;
    if (outcome === 'decline') return this.decline(books, charge, method.decline);
    if (outcome === 'authenticate') {
      const authentication_hash = hashOfToken(this.tokenOf(charge));
      return this.change(books, charge, { status: 'requires_action', authentication_hash });
    }
    const now = await books.now();
    if (outcome === 'process') {
      const settles_at = new Date(now.getTime() + this.timings.simulator_delay_ms);
      return this.change(books, charge, { status: 'processing', settles_at, settles_to: method.after });
    }
    if (charge.capture_method === 'automatic') return this.take(books, charge, charge.amount);
    const capture_before = new Date(now.getTime() + method.hold_hours * HOUR_MS);
    return this.change(books, charge, { status: 'requires_capture', capture_before });
  }

  private async take(books: BankBooks, charge: Charge, amount: number): Promise<void> {
    await books.move(charge, amount, 'charge');
    await this.planDispute(books, charge, amount);
    await this.change(books, charge, { status: 'succeeded', amount_received: amount, capture_before: null });
  }

  private async planDispute(books: BankBooks, charge: Charge, amount: number): Promise<void> {
    const plan = findMethod(charge.payment_method)?.dispute ?? [];
    if (plan.length === 0) return;
    const next_at = new Date((await books.now()).getTime() + this.timings.simulator_delay_ms);
    const id = `dp_sim_${randomBytes(12).toString('hex')}`;
    await new DisputeBooks(books).plan(id, charge, amount, { plan: [...plan], next_at });
  }

  private decline(books: BankBooks, charge: Charge, { code, decline_code }: Decline): Promise<void> {
    return this.change(books, charge, { status: 'requires_payment_method', error_code: code, decline_code });
  }

  /** The end is told before the beginning. */
  private async reorder(books: BankBooks, charge: Charge): Promise<Charge> {
    await this.proceed(books, charge, 'succeed');
    await this.tell(books, charge, 'processing');
    return charge;
  }

  private async change(books: BankBooks, charge: Charge, changes: Partial<Charge>): Promise<void> {
    Object.assign(charge, changes);
    await books.save(charge);
    await this.tell(books, charge, charge.status);
  }

  private async tell(books: BankBooks, charge: Charge, status: string): Promise<void> {
    await announce(books, charge, `payment_intent.${status}`, { id: charge.id, object: 'payment_intent' });
  }
}

/** From JSON, as the answers are kept. */
const revived = <Made extends object>(made: Made): Made => {
  const { capture_before } = made as { readonly capture_before?: Date | string | null };
  return { ...made, ...(capture_before && { capture_before: new Date(capture_before) }) };
};
