import { Injectable } from '@nestjs/common';
import { firstIdAt } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { isAlike } from '../charges/differences.js';
import { PaymentGateway, ProviderRejectedError, type PaymentSnapshot } from '../gateways/payment.gateway.js';
import type { Payment } from '../payment.entity.js';
import { ReconcilerDesk } from '../recovery/reconciler-desk.js';
import { Discrepancies } from '../reconciliation/discrepancies.js';
import { provenance, type OpenItem } from '../reconciliation/reconciliation-items.repository.js';
import { PaymentExamination } from './payment-examination.js';
import { ReconciledPaymentsRepository } from './reconciled-payments.repository.js';
import { ComparesWithProvider, type SweepRound } from '../reconciliation/sweep.js';

const BATCH = 100;

/**
 * The provider's payments beside ours. What the list of the provider shows only says where to look: it is older than what
 * we read after it, so that whatever seems to differ is asked for by itself before anything is done about it.
 */
@Injectable()
export class PaymentComparison {
  constructor(
    private readonly database: Database,
    private readonly rows: ReconciledPaymentsRepository,
    private readonly gateway: PaymentGateway,
    private readonly examination: PaymentExamination,
    private readonly discrepancies: Discrepancies,
    private readonly desk: ReconcilerDesk,
  ) {}

  /** @throws {ProviderUnknownError} the provider is away. */
  @ComparesWithProvider({})
  async compare(round: SweepRound): Promise<void> {
    const matched = await this.theirs(round);
    await this.ours(round, matched);
    for await (const item of this.discrepancies.open('payment', this.gateway.config)) {
      await round.beat();
      await this.again(item);
    }
  }

  /** @returns ids of ours that the provider has shown: of two days, which fit into memory. */
  private async theirs(round: SweepRound): Promise<Set<string>> {
    const matched = new Set<string>();
    let batch: PaymentSnapshot[] = [];
    for await (const snapshot of this.gateway.payments(round.since, round.signal)) {
      batch.push(snapshot);
      if (batch.length < BATCH) continue;
      await this.match(round, batch, matched);
      batch = [];
    }
    await this.match(round, batch, matched);
    return matched;
  }

  private async match(round: SweepRound, batch: readonly PaymentSnapshot[], matched: Set<string>): Promise<void> {
    const byId = await this.known(batch);
    const first = firstIdAt(round.since.getTime());
    for (const snapshot of batch) {
      await round.beat();
      const payment = byId.get(snapshot.provider_payment_id);
      if (payment && payment.id >= first) matched.add(payment.id);
      if (!payment) await this.unknown(snapshot);
      else if (!isAlike(payment, snapshot)) await this.examine(payment.id);
    }
  }

  private async known(batch: readonly PaymentSnapshot[]): Promise<Map<string | null, Payment>> {
    const ids = batch.map(({ provider_payment_id }) => provider_payment_id);
    const { provider } = this.gateway.config;
    const payments = await this.database.asSystem(() => this.rows.ofProvider(provider, ids));
    return new Map(payments.map((payment) => [payment.provider_payment_id, payment]));
  }

  /** What we have given to the provider, and it has not shown. */
  private async ours({ since, beat }: SweepRound, matched: ReadonlySet<string>): Promise<void> {
    let after: string | null = null;
    for (;;) {
      const ids: string[] = await this.sent(since, after);
      for (const id of ids) {
        await beat();
        if (!matched.has(id)) await this.examine(id);
      }
      after = ids.at(-1) ?? null;
      if (ids.length < BATCH) return;
    }
  }

  private sent(since: Date, after: string | null): Promise<string[]> {
    return this.database.asSystem(() => this.rows.sentSince(this.gateway.config, since, after, BATCH));
  }

  /**
   * The provider has it, and none of ours has its id. One that names no payment was not made by us: others may use the
   * same account. One without money in it is what a broken-off request has left, and comes to nothing.
   */
  private async unknown(snapshot: PaymentSnapshot): Promise<void> {
    const { provider_payment_id, payment_id, status, amount, amount_captured, currency } = snapshot;
    if (payment_id === null) return;
    const named = await this.named(payment_id);
    const object = { object_type: 'payment', object_id: provider_payment_id } as const;
    const isOurs = named?.provider_payment_id === provider_payment_id;
    const seen = { ...provenance(this.gateway.config), status, amount, amount_captured, currency };
    const isMissing = !isOurs && holdsMoney(snapshot);
    const findings = isMissing ? [{ kind: 'missing_local', expected: null, seen } as const] : [];
    const tenant_id = named?.tenant_id ?? null;
    await this.discrepancies.settle(
      { ...object, tenant_id, payment_id: named?.id ?? null, provider_object_id: provider_payment_id },
      ['missing_local'],
      findings,
    );
  }

  /** Ours, by the id that we gave to the provider; with the provider's, which may never have reached us. */
  private async named(payment_id: string): Promise<Payment | null> {
    const find = () => this.database.asSystem(() => this.rows.find(payment_id));
    const payment = await find();
    if (payment?.provider_payment_id !== null) return payment;
    await this.examine(payment_id);
    return find();
  }

  /** Something that was wrong in an earlier run, and may have been too long ago to come by itself. */
  private async again({ kind, object_id, payment_id }: OpenItem): Promise<void> {
    if (kind === 'missing_local') return this.unknownAgain(object_id);
    if (payment_id) await this.examine(payment_id);
  }

  private async examine(id: string): Promise<void> {
    await this.examination.examine(id, this.desk.deadline());
  }

  private async unknownAgain(provider_payment_id: string): Promise<void> {
    const object = { object_type: 'payment', object_id: provider_payment_id } as const;
    const nobody = { ...object, tenant_id: null, payment_id: null, provider_object_id: provider_payment_id };
    try {
      const signal = AbortSignal.timeout(this.desk.deadline() - Date.now());
      const snapshot = await this.gateway.fetch(provider_payment_id, signal);
      await this.unknown(snapshot);
    } catch (error) {
      if (!(error instanceof ProviderRejectedError)) throw error;
      await this.discrepancies.settle(nobody, ['missing_local'], []);
    }
  }
}

const holdsMoney = ({ status }: PaymentSnapshot): boolean =>
  status === null || ['processing', 'requires_capture', 'succeeded'].includes(status);
