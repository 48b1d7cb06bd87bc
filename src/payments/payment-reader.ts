import { Injectable } from '@nestjs/common';
import { isAdmin, type Principal } from '../common/access.js';
import { assertSpan, type Keyset, type KeysetQuery } from '../common/pagination.js';
import { ServiceError } from '../common/service-error.js';
import { Timings } from '../config/timings.js';
import { Database } from '../database/database.js';
import { PaymentGateway } from './gateways/payment.gateway.js';
import { ProviderCalls } from './gateways/provider-calls.js';
import type { Payment } from './payment.entity.js';
import type { MoneyQuery, PaymentQuery } from './payments.dto.js';
import { PaymentNotFoundError, PaymentStateConflictError, ProviderUnavailableError } from './payments.errors.js';
import { isSettled } from './payment-states.js';
import { PaymentsRepository } from './payments.repository.js';

/** Who may read which payment: users their own, admins their tenant's. Another's is treated like one that does not exist. */
@Injectable()
export class PaymentReader {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly gateway: PaymentGateway,
    private readonly calls: ProviderCalls,
    private readonly timings: Timings,
  ) {}

  /** @throws {PaymentNotFoundError} no such payment within the actor's reach. */
  async get(actor: Principal, id: string): Promise<Payment> {
    const payment = await this.find(actor, id);
    if (!payment) throw new PaymentNotFoundError(id);
    return payment;
  }

  /** @returns null for one that is not within the actor's reach. */
  async find(actor: Principal, id: string): Promise<Payment | null> {
    const payment = await this.database.asPrincipal(actor, () => this.payments.find(id));
    return payment && (payment.owner_id === actor.id || isAdmin(actor)) ? payment : null;
  }

  /** @throws {PaymentNotFoundError} no such payment of the actor's own. */
  async getOwn(actor: Principal, id: string): Promise<Payment> {
    const payment = await this.database.asTenant(actor.tenant_id, () => this.payments.find(id));
    if (payment?.owner_id !== actor.id) throw new PaymentNotFoundError(id);
    return payment;
  }

  /** Newest first: the actor's own, of an admin the tenant's, of a platform admin the one that is named. */
  list(actor: Principal, query: PaymentQuery): Promise<Keyset<Payment>> {
    return this.database.reading(() => this.narrowed(actor, query, (filter, page) => this.payments.list(filter, page)));
  }

  /**
   * Narrows a list to what the actor may see of it.
   * @param find - asks for it, within the scope of the tenant.
   * @throws {ValidationError} the span of time ends before it begins.
   */
  async narrowed<Query extends MoneyQuery, Row>(
    actor: Principal,
    query: Query,
    find: (filter: Omit<Query, keyof KeysetQuery>, page: KeysetQuery) => Promise<Keyset<Row>>,
  ): Promise<Keyset<Row>> {
    assertSpan(query);
    const { limit, starting_after, ending_before, ...filter } = query;
    const { tenant_id, owner_id, currency } = query;
    const own = actor.tenant_id;
    const tenant = actor.role === 'platform_admin' ? (tenant_id ?? own) : own;
    const owner = isAdmin(actor) ? owner_id : actor.id;
    // Another's anything is not there: whoever names one gets an empty list, as for one that never was.
    const isForeign =
      (tenant_id ?? tenant).toLowerCase() !== tenant.toLowerCase() ||
      (owner_id ?? owner)?.toLowerCase() !== owner?.toLowerCase();
    if (isForeign) return { data: [], has_more: false };
    const within = { ...filter, tenant_id: tenant, owner_id: owner, currency: currency?.toUpperCase() };
    return this.database.asTenant(tenant, () => find(within, { limit, starting_after, ending_before }));
  }

  /**
   * What the payer's browser needs; fetched at the provider, and kept nowhere.
   * @throws {PaymentNotFoundError} no such payment of the actor's own.
   * @throws {PaymentStateConflictError} the provider does not know the payment yet, or nobody is to pay it any more.
   * @throws {ProviderMisconfiguredError} the payment is another provider's, or there is none.
   * @throws {ProviderUnavailableError}
   */
  async clientSecret(actor: Principal, id: string): Promise<string> {
    const payment = await this.getOwn(actor, id);
    const { provider_payment_id, status } = payment;
    this.calls.assertKnows(payment);
    if (!provider_payment_id || isSettled(status)) throw new PaymentStateConflictError(id, status);
    try {
      const signal = AbortSignal.timeout(this.timings.payment_answer_ms);
      return await this.gateway.clientSecret(provider_payment_id, signal);
    } catch (error) {
      if (error instanceof ServiceError) throw error;
      throw new ProviderUnavailableError(1, { cause: error });
    }
  }
}
