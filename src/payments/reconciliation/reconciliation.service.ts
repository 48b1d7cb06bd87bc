import { Injectable } from '@nestjs/common';
import { tenantToList, type Principal } from '../../common/access.js';
import type { Keyset, KeysetQuery } from '../../common/pagination.js';
import { Database } from '../../database/database.js';
import { ProviderUnknownError } from '../gateways/payment.gateway.js';
import { ProviderCalls } from '../gateways/provider-calls.js';
import { PaymentReader } from '../payment-reader.js';
import type { Payment } from '../payment.entity.js';
import { ProviderMisconfiguredError, ProviderUnavailableError } from '../payments.errors.js';
import { PaymentExamination } from '../comparison/payment-examination.js';
import { RepaymentComparison } from '../comparison/repayment-comparison.js';
import type { ItemKind, ReconciliationItem } from './reconciliation-item.entity.js';
import { ReconcilerDesk } from '../recovery/reconciler-desk.js';
import { ReconciliationItemsRepository } from './reconciliation-items.repository.js';
import { ReconciliationRunsRepository, type ReconciliationRun } from './reconciliation-runs.repository.js';

/** Which items somebody asks for. */
export interface ItemsAsked extends KeysetQuery {
  readonly tenant_id?: string | undefined;
  readonly kind?: ItemKind | undefined;
  readonly open?: boolean | undefined;
}

/** What admins may know, and bring about, of the comparison with the provider. */
@Injectable()
export class ReconciliationService {
  constructor(
    private readonly database: Database,
    private readonly items: ReconciliationItemsRepository,
    private readonly runs: ReconciliationRunsRepository,
    private readonly examination: PaymentExamination,
    private readonly calls: ProviderCalls,
    private readonly reader: PaymentReader,
    private readonly repayments: RepaymentComparison,
    private readonly desk: ReconcilerDesk,
  ) {}

  /**
   * What does not agree, newest first: of the own tenant, or of the one that a platform admin names. Who names none gets
   * what is of no tenant as well.
   */
  list(actor: Principal, { tenant_id, kind, open, ...page }: ItemsAsked): Promise<Keyset<ReconciliationItem>> {
    const tenant = tenantToList(actor, tenant_id);
    if (tenant === null) return Promise.resolve({ data: [], has_more: false });
    const ofNobody = actor.role === 'platform_admin' && tenant_id === undefined;
    const tenants = ofNobody ? [tenant, null] : [tenant];
    return this.database.asPrincipal(actor, () => this.items.list({ tenants, kind, open }, page));
  }

  /**
   * Has the provider's last two days compared with ours, soon. Where that waits already, it is not done twice.
   * @throws {ProviderMisconfiguredError} nobody takes money here.
   */
  request(): Promise<ReconciliationRun> {
    this.calls.assertTakesMoney();
    return this.runs.request();
  }

  /**
   * Asks the provider how a payment stands, and its refunds and disputes, follows it, and resolves what agrees by now.
   * @throws {PaymentNotFoundError} no such payment within the actor's reach.
   * @throws {ProviderUnavailableError} the provider has not answered.
   * @throws {ProviderMisconfiguredError} it is another provider's.
   */
  async sync(actor: Principal, id: string): Promise<Payment> {
    const { provider } = await this.reader.get(actor, id);
    if (this.calls.assertTakesMoney().provider !== provider) throw new ProviderMisconfiguredError();
    const payment = await this.examination.examine(id, true);
    if (!payment) throw new ProviderUnavailableError(1);
    await this.syncRepayments(payment);
    return this.reader.get(actor, id);
  }

  private async syncRepayments(payment: Payment): Promise<void> {
    try {
      await this.repayments.compareOf(payment, AbortSignal.timeout(this.desk.answerDeadline() - Date.now()));
    } catch (error) {
      if (error instanceof ProviderUnknownError) throw new ProviderUnavailableError(1);
      throw error;
    }
  }
}
