import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import { differencesOf } from '../charges/differences.js';
import { Snapshots } from '../charges/snapshots.js';
import { ProviderCalls } from '../gateways/provider-calls.js';
import type { Payment } from '../payment.entity.js';
import { PaymentsRepository } from '../payments.repository.js';
import { Reconciler, type Look } from '../recovery/reconciler.js';
import { Discrepancies } from '../reconciliation/discrepancies.js';
import type { Finding, ItemObject } from '../reconciliation/reconciliation-items.repository.js';
import { isOverRepayment, kindOfReview } from '../reconciliation/review-kinds.js';

/** What may be found out about a payment by asking the provider for it. */
const KINDS = ['missing_provider', 'amount_mismatch', 'currency_mismatch', 'status_mismatch', 'stuck'] as const;

/** Looks at one payment together with the provider: what is only late is followed, what contradicts is written down. */
@Injectable()
export class PaymentExamination {
  constructor(
    private readonly database: Database,
    private readonly payments: PaymentsRepository,
    private readonly reconciler: Reconciler,
    private readonly snapshots: Snapshots,
    private readonly discrepancies: Discrepancies,
    private readonly calls: ProviderCalls,
  ) {}

  /**
   * Asks the provider anew, whatever somebody has seen of it before.
   * @param deadline - milliseconds of the epoch.
   * @returns how the payment stands then; null where the provider has not answered, or there is no such payment of its.
   */
  async examine(id: string, deadline: number): Promise<Payment | null> {
    const known = await this.database.asSystem(() => this.payments.find(id));
    // What another provider has, or this one in the other mode, it cannot tell: that stays as it is.
    if (!known || !this.calls.knows(known)) return null;
    return this.database.asTenant(known.tenant_id, async () => {
      const look = await this.reconciler.look(id, deadline);
      return look && look.outcome.kind !== 'unknown' ? this.settle(look) : null;
    });
  }

  /**
   * Nothing that has gone back of it is in the way any more: where it was set aside over that, it goes on, and is looked at
   * anew.
   * @param deadline - milliseconds of the epoch.
   */
  async release({ id, tenant_id, review_reason }: Payment, deadline: number): Promise<void> {
    if (!isOverRepayment(review_reason)) return;
    await this.database.asTenant(tenant_id, () => this.snapshots.agree(id));
    await this.examine(id, deadline);
  }

  private async settle(look: Look): Promise<Payment> {
    const findings = findingsOf(look);
    const { payment } = look;
    // Where the two agree again nobody need look any more; that first, since what is set aside is told of as long as it is.
    const agrees = findings?.length === 0 && payment.needs_review;
    const settled = agrees ? await this.snapshots.agree(payment.id) : payment;
    if (findings) await this.discrepancies.settle(objectOf(payment), KINDS, findings);
    return settled;
  }
}

const objectOf = ({ id, tenant_id, provider_payment_id }: Payment): ItemObject => ({
  tenant_id,
  object_type: 'payment',
  object_id: id,
  payment_id: id,
  provider_object_id: provider_payment_id,
});

/** @returns null where nothing can be said: the payment has moved on while the provider was asked. */
function findingsOf({ before, outcome, payment }: Look): Finding[] | null {
  const { status, amount, currency } = payment;
  if (outcome.kind === 'answered') {
    const findings = [...differencesOf(payment, outcome.snapshot), ...ofRepayments(payment)];
    const isOldNews = payment.version !== before.version;
    return isOldNews && findings.length > 0 ? null : findings;
  }
  // What the provider was never given it need not have.
  if (payment.provider_payment_id === null) return [];
  const missing = { kind: 'missing_provider', expected: { status, amount, currency }, seen: null } as const;
  return [missing, ...ofRepayments(payment)];
}

/** What it was set aside for over a refund or a dispute is so until that one is looked at, in the words of the alert. */
const ofRepayments = ({ status, needs_review, review_reason: reason }: Payment): Finding[] =>
  needs_review && isOverRepayment(reason)
    ? [{ kind: kindOfReview(reason), expected: { status }, seen: { reason } }]
    : [];
