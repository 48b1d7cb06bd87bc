import { Injectable } from '@nestjs/common';
import type { Principal } from '../../common/access.js';
import type { Keyset, KeysetQuery } from '../../common/pagination.js';
import { Database } from '../../database/database.js';
import { PaymentReader } from '../payment-reader.js';
import type { Refund } from './refund.entity.js';
import type { RefundQuery } from './refunds.dto.js';
import { RefundNotFoundError } from './refunds.errors.js';
import { RefundsRepository } from './refunds.repository.js';

/** Who may read which refund: whoever may read its payment. */
@Injectable()
export class RefundReader {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentReader,
    private readonly refunds: RefundsRepository,
  ) {}

  /** @throws {RefundNotFoundError} no such refund within the actor's reach. */
  async get(actor: Principal, id: string): Promise<Refund> {
    const refund = await this.database.asPrincipal(actor, () => this.refunds.find(id));
    if (!refund || !(await this.payments.find(actor, refund.payment_id))) throw new RefundNotFoundError(id);
    return refund;
  }

  /** Newest first, as payments are listed. */
  list(actor: Principal, query: RefundQuery): Promise<Keyset<Refund>> {
    return this.payments.narrowed(actor, query, (filter, page) => this.refunds.list(filter, page));
  }

  /** @throws {PaymentNotFoundError} no such payment within the actor's reach. */
  async listOf(actor: Principal, payment_id: string, page: KeysetQuery): Promise<Keyset<Refund>> {
    const { tenant_id } = await this.payments.get(actor, payment_id);
    return this.database.asTenant(tenant_id, () => this.refunds.list({ payment_id }, page));
  }
}
