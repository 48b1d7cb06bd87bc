import type { DisputeSnapshot } from '../gateways/dispute-snapshot.js';
import type { RefundSnapshot } from '../gateways/refund-snapshot.js';
import type { Dispute } from '../disputes/dispute.entity.js';
import type { Refund } from '../refunds/refund.entity.js';
import type { Finding, ItemObject } from '../reconciliation/reconciliation-items.repository.js';
import { ProviderRejectedError } from '../gateways/payment.gateway.js';
import { kindOfReview } from '../reconciliation/review-kinds.js';

/** What goes back of a payment, as we have it and as the provider shows it. */
export interface Kinds {
  readonly refund: { readonly row: Refund; readonly snapshot: RefundSnapshot };
  readonly dispute: { readonly row: Dispute; readonly snapshot: DisputeSnapshot };
}

/** How one kind of repayment is looked at together with the provider. */
export interface Examination<Kind extends keyof Kinds> {
  readonly object_type: Kind;

  /** The provider's, of so long. @throws {ProviderUnknownError} */
  theirs(since: Date, signal: AbortSignal): AsyncIterable<Kinds[Kind]['snapshot']>;

  /** The provider's, of one payment. @throws {ProviderRejectedError} {@link ProviderUnknownError} */
  listOf(provider_payment_id: string, signal: AbortSignal): Promise<Kinds[Kind]['snapshot'][]>;

  /** The provider's name for it. */
  nameOf(one: Kinds[Kind]['row'] | Kinds[Kind]['snapshot']): string | null;

  /** Whether nothing at all is to be done about it. */
  isAlike(row: Kinds[Kind]['row'], snapshot: Kinds[Kind]['snapshot']): boolean;

  /**
   * Asks the provider for it anew: what is only late is followed, what contradicts is written down and set aside, and what
   * agrees again is resolved.
   * @param name - the provider's.
   * @returns false where it has not found its place in our books yet: nothing can be said, or its payment was set aside.
   * @throws {ProviderUnknownError} the provider is away.
   */
  examine(name: string, signal: AbortSignal): Promise<boolean>;
}

/** @returns null where the provider does not have it. */
export async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProviderRejectedError) return null;
    throw error;
  }
}

/** What an item says of one of ours. */
export const objectOf = (object_type: keyof Kinds, row: Refund | Dispute, name: string): ItemObject => ({
  tenant_id: row.tenant_id,
  object_type,
  object_id: row.id,
  payment_id: row.payment_id,
  provider_object_id: name,
});

/** What an item says of one that nobody here knows. */
export const nobodys = (object_type: keyof Kinds, name: string): ItemObject => ({
  tenant_id: null,
  object_type,
  object_id: name,
  payment_id: null,
  provider_object_id: name,
});

type Shown = Pick<RefundSnapshot | DisputeSnapshot, 'status' | 'amount' | 'currency'>;

const factsOf = ({ status, amount, currency }: Shown): Shown => ({ status, amount, currency });

/** @param fault - what cannot be true of it, in one word; null where nothing is wrong. */
export const findingsOf = (fault: string | null, row: Refund | Dispute, snapshot: Shown | null): Finding[] =>
  fault === null
    ? []
    : [{ kind: kindOfReview(fault), expected: { ...factsOf(row) }, seen: snapshot && { ...factsOf(snapshot) } }];
