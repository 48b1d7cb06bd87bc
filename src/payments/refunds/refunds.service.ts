import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/access.js';
import type { Keyset, KeysetQuery } from '../../common/pagination.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { assertNoCardData } from '../charges/card-data.js';
import { PaymentReader } from '../payment-reader.js';
import { RefundIntents } from '../repayments/refund-intents.js';
import { refusalOf } from '../repayments/refusals.js';
import { Refunding } from '../repayments/refunding.js';
import type { Refund } from './refund.entity.js';
import type { RefundCreate, RefundQuery } from './refunds.dto.js';
import { RefundReader } from './refund-reader.js';

/** The rules for giving money back. */
@Injectable()
export class RefundsService {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentReader,
    private readonly refunds: RefundReader,
    private readonly intents: RefundIntents,
    private readonly refunding: Refunding,
    private readonly timings: Timings,
  ) {}

  /**
   * Gives back what was captured, or a part of it.
   * @param request - `amount` in the minor unit; all that is left unless told.
   * @returns how the refund stands: `succeeded`, or what it waits for. A provider that has not answered within
   *   `payment_answer_ms` leaves it `pending`, and it is finished behind the answer; one that refuses leaves it `failed`.
   * @throws {PaymentNotFoundError} no such payment within the actor's reach.
   * @throws {PaymentStateConflictError} nothing was captured.
   * @throws {RefundExceedsCapturedError} more than is left, here or at the provider.
   * @throws {DisputeOpenError} the payment is disputed, and it was not forced.
   * @throws {AmountNotRepresentableError} the provider does not count in units that small.
   * @throws {ProviderMisconfiguredError} nobody returns money here, or another provider has taken it.
   */
  async create(actor: Principal, payment_id: string, request: Partial<RefundCreate>): Promise<Refund> {
    const deadline = Date.now() + this.timings.payment_answer_ms;
    this.refunding.assertTakesMoney();
    assertNoCardData(request);
    const seen = await this.payments.get(actor, payment_id);
    return this.database.asTenant(seen.tenant_id, async () => {
      const { amount = null, reason = null, metadata = {}, force = false } = request;
      const known = await this.intents.resumed(seen);
      // Before it is promised: nobody else could keep it. What was promised before tells by itself how it ended.
      if (!known) this.refunding.assertKnows(seen);
      const asked = known ?? (await this.intents.request(actor, payment_id, { amount, reason, metadata, force }));
      const mover = { actor: 'api', actor_id: actor.id } as const;
      const refund = await this.refunding.proceed(asked, deadline, known !== null, mover);
      const refusal = refusalOf(await this.payments.get(actor, payment_id), refund);
      if (refusal) throw refusal;
      return refund;
    });
  }

  /** @throws {RefundNotFoundError} no such refund within the actor's reach. */
  get(actor: Principal, id: string): Promise<Refund> {
    return this.refunds.get(actor, id);
  }

  /** Newest first: of the actor's own payments, for an admin of the tenant's. */
  list(actor: Principal, query: RefundQuery): Promise<Keyset<Refund>> {
    return this.refunds.list(actor, query);
  }

  /** Of one payment. @throws {PaymentNotFoundError} no such payment within the actor's reach. */
  listOf(actor: Principal, payment_id: string, page: KeysetQuery): Promise<Keyset<Refund>> {
    return this.refunds.listOf(actor, payment_id, page);
  }
}
