import { REFUND_STATUSES, type RefundStatus } from '../gateways/refund-snapshot.js';
import type { LedgerEvent } from '../ledger/postings.js';
import type { Verdict } from '../payment-states.js';

type Row = Readonly<Record<RefundStatus, Verdict>>;

const row = (...verdicts: Verdict[]): Row =>
  Object.fromEntries(REFUND_STATUSES.map((status, at) => [status, verdicts[at]])) as Row;

/**
 * The state machine of a refund, as data: ours at the left, the provider's in the order of {@link REFUND_STATUSES}. What
 * has succeeded can fail still: the payer's bank may send it back, for a month.
 * @see https://docs.stripe.com/refunds#failed-refunds
 */
export const REFUND_TRANSITIONS: Readonly<Record<RefundStatus, Row>> = {
  //                   pending,    action,     succeeded,  failed,     canceled
  pending: row('ignore', 'follow', 'follow', 'follow', 'follow'),
  requires_action: row('follow', 'ignore', 'follow', 'follow', 'follow'),
  succeeded: row('conflict', 'conflict', 'ignore', 'follow', 'conflict'),
  failed: row('conflict', 'conflict', 'conflict', 'ignore', 'conflict'),
  canceled: row('conflict', 'conflict', 'conflict', 'conflict', 'ignore'),
};

/** In which of its payment's sums a refund stands. */
export type Standing = 'pending' | 'refunded' | 'nowhere';

export const STANDINGS: Readonly<Record<RefundStatus, Standing>> = {
  pending: 'pending',
  requires_action: 'pending',
  succeeded: 'refunded',
  failed: 'nowhere',
  canceled: 'nowhere',
};

/** What the books make of a move from one sum to another. */
export const REFUND_POSTINGS: Readonly<Record<Standing, Readonly<Partial<Record<Standing, LedgerEvent>>>>> = {
  pending: { refunded: 'refund_succeeded', nowhere: 'refund_undone' },
  refunded: { nowhere: 'refund_returned' },
  nowhere: { pending: 'refund_requested' },
};

/** Whether the provider may still change its mind soon. */
export const isOpen = (status: RefundStatus): boolean => STANDINGS[status] === 'pending';
