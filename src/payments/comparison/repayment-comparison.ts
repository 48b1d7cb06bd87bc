import { Injectable } from '@nestjs/common';
import { PaymentGateway } from '../gateways/payment.gateway.js';
import { ReconcilerDesk } from '../recovery/reconciler-desk.js';
import { Discrepancies } from '../reconciliation/discrepancies.js';
import { ComparesWithProvider, type SweepRound } from '../reconciliation/sweep.js';
import { DisputeExamination } from './dispute-examination.js';
import { ReconciledRepaymentsRepository, type Named } from './reconciled-repayments.repository.js';
import { RefundExamination } from './refund-examination.js';
import type { Examination, Kinds } from './repayment-examination.js';

const BATCH = 100;

/** The provider's refunds and disputes beside ours: as with payments, the list only says where to look. */
@Injectable()
export class RepaymentComparison {
  constructor(
    private readonly rows: ReconciledRepaymentsRepository,
    private readonly gateway: PaymentGateway,
    private readonly refunds: RefundExamination,
    private readonly disputes: DisputeExamination,
    private readonly discrepancies: Discrepancies,
    private readonly desk: ReconcilerDesk,
  ) {}

  /** @throws {ProviderUnknownError} the provider is away. */
  @ComparesWithProvider({})
  async compare(round: SweepRound): Promise<void> {
    await this.compareAll(this.refunds, round);
    await this.compareAll(this.disputes, round);
  }

  private async compareAll<Kind extends keyof Kinds>(of: Examination<Kind>, round: SweepRound): Promise<void> {
    const seen = await this.theirs(of, round);
    await this.ours(of, round, seen);
    const open = this.discrepancies.open(of.object_type, this.gateway.config);
    for await (const { kind, object_id, provider_object_id } of open) {
      const name = kind === 'missing_local' ? object_id : provider_object_id;
      if (name !== null) await this.examine(of, round, name);
    }
  }

  /** @returns what the provider has shown, by its own names: of a month at most, which fits into memory. */
  private async theirs<Kind extends keyof Kinds>(of: Examination<Kind>, round: SweepRound): Promise<Set<string>> {
    const seen = new Set<string>();
    let batch = new Map<string, Kinds[Kind]['snapshot']>();
    for await (const snapshot of of.theirs(round.since, round.signal)) {
      batch.set(of.nameOf(snapshot)!, snapshot);
      seen.add(of.nameOf(snapshot)!);
      if (batch.size < BATCH) continue;
      await this.match(of, round, batch);
      batch = new Map();
    }
    await this.match(of, round, batch);
    return seen;
  }

  private async match<Kind extends keyof Kinds>(
    of: Examination<Kind>,
    round: SweepRound,
    batch: ReadonlyMap<string, Kinds[Kind]['snapshot']>,
  ): Promise<void> {
    const { config } = this.gateway;
    const known = await this.rows.ofProvider(of.object_type, config.provider, [...batch.keys()]);
    const byName = new Map(known.map((row) => [of.nameOf(row), row]));
    const strange = [...batch].filter(([name]) => !byName.has(name)).map(([, one]) => one.provider_payment_id);
    const ours = await this.rows.knownOf(config, strange);
    for (const [name, snapshot] of batch) {
      // Also for those that agree: a month of them takes longer than the lease.
      await round.beat();
      const row = byName.get(name);
      // Others may use the same account: theirs need not be asked for one by one.
      const isOurs = ours.has(snapshot.provider_payment_id) || bearsOurName(snapshot);
      if (row ? !of.isAlike(row, snapshot) : isOurs) await this.examine(of, round, name);
    }
  }

  /** What the provider has named, and has not shown. */
  private async ours<Kind extends keyof Kinds>(
    of: Examination<Kind>,
    round: SweepRound,
    seen: ReadonlySet<string>,
  ): Promise<void> {
    let after: string | null = null;
    for (;;) {
      const page: Named[] = await this.page(of.object_type, round.since, after);
      for (const { name } of page) {
        await round.beat();
        if (!seen.has(name)) await this.examine(of, round, name);
      }
      after = page.at(-1)?.id ?? null;
      if (page.length < BATCH) return;
    }
  }

  private page(kind: keyof Kinds, since: Date, after: string | null): Promise<Named[]> {
    return this.rows.namedSince(kind, this.gateway.config, since, after, BATCH);
  }

  private async examine<Kind extends keyof Kinds>(
    of: Examination<Kind>,
    { beat, signal }: SweepRound,
    name: string,
  ): Promise<void> {
    await beat();
    const patience = AbortSignal.timeout(this.desk.deadline() - Date.now());
    await of.examine(name, AbortSignal.any([signal, patience]));
  }
}

const bearsOurName = (snapshot: Kinds[keyof Kinds]['snapshot']): boolean =>
  'refund_id' in snapshot && snapshot.refund_id !== null;
