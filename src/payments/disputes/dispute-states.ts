import type { DisputeSnapshot } from '../gateways/dispute-snapshot.js';
import type { LedgerEvent } from '../ledger/postings.js';
import type { Payment } from '../payment.entity.js';
import type { Dispute } from './dispute.entity.js';

/** Where the books have the disputed money. */
export const PLACES = ['ours', 'withdrawn', 'lost', 'reinstated'] as const;
export type Place = (typeof PLACES)[number];

export function placeOf({ funds, lost }: Pick<Dispute, 'funds' | 'lost'>): Place {
  if (funds === 'withdrawn') return lost ? 'lost' : 'withdrawn';
  return funds === 'held' ? 'ours' : 'reinstated';
}

/**
 * What the books make of money that moves from one place to another; null where it cannot. What was lost stays lost while
 * an appeal goes on; who gets the money back once does not have it withdrawn again unseen.
 */
export const DISPUTE_POSTINGS: Readonly<Record<Place, Readonly<Record<Place, readonly LedgerEvent[] | null>>>> = {
  ours: {
    ours: [],
    withdrawn: ['funds_withdrawn'],
    lost: ['funds_withdrawn', 'dispute_lost'],
    reinstated: ['funds_withdrawn', 'funds_reinstated'],
  },
  withdrawn: { ours: null, withdrawn: [], lost: ['dispute_lost'], reinstated: ['funds_reinstated'] },
  lost: { ours: null, withdrawn: [], lost: [], reinstated: ['loss_recovered'] },
  reinstated: { ours: null, withdrawn: null, lost: null, reinstated: [] },
};

/** What makes a dispute unlike any that this payment can have, in one word; null where nothing does. */
export function unreadable(payment: Payment, snapshot: DisputeSnapshot): string | null {
  if (snapshot.provider_payment_id !== payment.provider_payment_id) return 'provider_payment_mismatch';
  if (snapshot.livemode !== payment.livemode) return 'livemode_mismatch';
  if (snapshot.currency !== payment.currency) return 'currency_mismatch';
  return snapshot.amount === null || snapshot.amount < 1 ? 'amount_mismatch' : null;
}

/** What cannot become of this dispute, in one word; null where nothing is wrong. */
export function contradiction(payment: Payment, dispute: Dispute, snapshot: DisputeSnapshot): string | null {
  const fault = unreadable(payment, snapshot);
  if (fault) return fault;
  if (placeOf(dispute) !== 'ours' && snapshot.amount !== dispute.amount) return 'amount_mismatch';
  return DISPUTE_POSTINGS[placeOf(dispute)][placeOf(snapshot)] ? null : `provider_says_${snapshot.funds}`;
}

/** What may change of a dispute, as the provider has it. */
export const seenAs = (
  { amount, status, closed, lost, funds, evidence_due_at }: DisputeSnapshot,
  before?: Dispute,
): Pick<Dispute, 'amount' | 'status' | 'closed' | 'lost' | 'funds' | 'evidence_due_at'> => ({
  amount: amount!,
  status,
  closed,
  funds,
  evidence_due_at,
  lost: funds === 'withdrawn' && (lost || before?.lost === true),
});

/** Whether the provider tells anything new. */
export const isNews = (dispute: Dispute, seen: ReturnType<typeof seenAs>): boolean =>
  dispute.amount !== seen.amount ||
  dispute.status !== seen.status ||
  dispute.closed !== seen.closed ||
  dispute.lost !== seen.lost ||
  dispute.funds !== seen.funds ||
  dispute.evidence_due_at?.getTime() !== seen.evidence_due_at?.getTime();
