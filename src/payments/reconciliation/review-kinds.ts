import type { ItemKind } from './reconciliation-item.entity.js';

/** What something was set aside for, in the words of an item; whatever is not listed is about its status. */
const KINDS: Readonly<Record<string, ItemKind>> = {
  missing_at_provider: 'missing_provider',
  payment_id_mismatch: 'missing_provider',
  provider_id_mismatch: 'missing_provider',
  provider_payment_mismatch: 'missing_provider',
  livemode_mismatch: 'missing_provider',
  amount_mismatch: 'amount_mismatch',
  captured_amount_mismatch: 'amount_mismatch',
  currency_mismatch: 'currency_mismatch',
  stuck: 'stuck',
  key_horizon_passed: 'key_horizon_passed',
};

/** The kind of item that tells of something that waits for a person. */
export const kindOfReview = (reason: string | null): ItemKind => KINDS[reason ?? ''] ?? 'status_mismatch';

/** How the words begin for which a payment is set aside over a refund or a dispute of it, that finds no place in our books. */
const OVER_REPAYMENTS = ['refund_', 'refunded_', 'dispute_'];

/** Whether the payment itself, laid beside the provider's, tells nothing of what it was set aside for. */
export const isOverRepayment = (reason: string | null): boolean =>
  OVER_REPAYMENTS.some((beginning) => reason?.startsWith(beginning));

/** Every kind that {@link kindOfReview} gives. */
export const REVIEW_KINDS: readonly ItemKind[] = [...new Set([...Object.values(KINDS), 'status_mismatch' as const])];
