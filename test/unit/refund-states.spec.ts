import {
  contradiction as disputeContradiction,
  DISPUTE_POSTINGS,
  isNews,
  placeOf,
  PLACES,
  seenAs,
} from '../../src/payments/disputes/dispute-states.js';
import type { Dispute } from '../../src/payments/disputes/dispute.entity.js';
import type { DisputeSnapshot } from '../../src/payments/gateways/dispute-snapshot.js';
import { REFUND_STATUSES, type RefundSnapshot } from '../../src/payments/gateways/refund-snapshot.js';
import { ACCOUNT_TYPES, POSTINGS, REVERSALS, type LedgerEvent } from '../../src/payments/ledger/postings.js';
import type { Payment } from '../../src/payments/payment.entity.js';
import type { Refund } from '../../src/payments/refunds/refund.entity.js';
import { contradiction, move, refundable, standingAs } from '../../src/payments/repayments/refund-rules.js';
import { REFUND_POSTINGS, REFUND_TRANSITIONS, STANDINGS } from '../../src/payments/repayments/refund-states.js';
import { refusalOf } from '../../src/payments/repayments/refusals.js';

const row = (text: string): string[] => text.split(' ');

describe('the transition table of refunds', () => {
  // f: follow, i: ignore, c: conflict; in the order of the statuses.
  const EXPECTED: Record<string, string[]> = {
    pending: row('i f f f f'),
    requires_action: row('f i f f f'),
    succeeded: row('c c i f c'),
    failed: row('c c c i c'),
    canceled: row('c c c c i'),
  };

  it.each(
    REFUND_STATUSES.flatMap((from) =>
      REFUND_STATUSES.map((observed, at) => [from, observed, EXPECTED[from]![at]!] as const),
    ),
  )('%s, when the provider says %s: %s', (from, observed, verdict) => {
    expect(REFUND_TRANSITIONS[from][observed][0]).toBe(verdict);
  });

  it('posts every move from one sum to another, and no other', () => {
    for (const from of REFUND_STATUSES) {
      for (const to of REFUND_STATUSES) {
        if (REFUND_TRANSITIONS[from][to] !== 'follow') continue;
        const [one, other] = [STANDINGS[from], STANDINGS[to]];
        expect([from, to, REFUND_POSTINGS[one][other] !== undefined]).toEqual([from, to, one !== other]);
      }
    }
  });

  it.each(REFUND_STATUSES)('leaves nothing open without a date: %s', (status) => {
    const { next_reconcile_at, failure_code } = standingAs(status, 'lost', 10);
    expect(next_reconcile_at !== null).toBe(['pending', 'requires_action'].includes(status));
    expect(failure_code).toBe(['failed', 'canceled'].includes(status) ? 'lost' : null);
  });
});

/** What a row of facts leaves on each account. */
function balances(...events: LedgerEvent[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const event of events) {
    for (const { account, direction } of POSTINGS[event]) {
      sums[account] = (sums[account] ?? 0) + (direction === 'debit' ? 1 : -1);
    }
  }
  return Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum !== 0));
}

describe('the postings', () => {
  it.each(Object.entries(POSTINGS))('%s has two sides, of accounts that there are', (_, sides) => {
    expect(sides.map(({ direction }) => direction)).toEqual(['debit', 'credit']);
    for (const { account } of sides) expect(ACCOUNT_TYPES).toHaveProperty(account);
  });

  it.each(Object.entries(REVERSALS))('%s takes %s back to the last cent', (reversal, reversed) => {
    expect(balances(reversed, reversal as LedgerEvent)).toEqual({});
  });

  it.each<[string, LedgerEvent[], Record<string, number>]>([
    ['asked for', ['refund_requested'], { refunds: 1, refunds_payable: -1 }],
    ['succeeded', ['refund_requested', 'refund_succeeded'], { refunds: 1, provider_receivable: -1 }],
    ['come to nothing', ['refund_requested', 'refund_undone'], {}],
    ['returned', ['refund_requested', 'refund_succeeded', 'refund_returned'], {}],
    ['disputed', ['funds_withdrawn'], { disputes_receivable: 1, provider_receivable: -1 }],
    ['won', ['funds_withdrawn', 'funds_reinstated'], {}],
    ['lost', ['funds_withdrawn', 'dispute_lost'], { dispute_losses: 1, provider_receivable: -1 }],
    ['lost, and won by an appeal', ['funds_withdrawn', 'dispute_lost', 'loss_recovered'], {}],
  ])('what is %s stands where it should', (_, facts, expected) => {
    expect(balances(...facts)).toEqual(expected);
  });
});

const payment = {
  id: 'p',
  livemode: false,
  currency: 'EUR',
  provider_payment_id: 'pi',
  amount_captured: 100,
  amount_refunded: 20,
  amount_refund_pending: 30,
} as Payment;
const refund = { id: 'r', amount: 10, provider_refund_id: 're', status: 'pending' } as Refund;
const snapshot = {
  provider_refund_id: 're',
  refund_id: 'r',
  provider_payment_id: 'pi',
  livemode: false,
  amount: 10,
  currency: 'EUR',
  status: 'succeeded',
} as RefundSnapshot;

describe('what a refund takes of its payment', () => {
  it('moves between its sums, and never twice', () => {
    const changed = { ...payment };
    expect(refundable(changed)).toBe(50);
    move(changed, 10, 'nowhere', 'pending');
    expect(changed).toMatchObject({ amount_refund_pending: 40, amount_refunded: 20 });
    move(changed, 10, 'pending', 'refunded');
    expect(changed).toMatchObject({ amount_refund_pending: 30, amount_refunded: 30 });
    move(changed, 10, 'refunded', 'nowhere');
    expect(changed).toEqual(payment);
  });

  it.each<[string, Partial<RefundSnapshot>, string | null]>([
    ['nothing', {}, null],
    ['another object', { provider_refund_id: 'other' }, 'provider_id_mismatch'],
    ['another payment', { provider_payment_id: 'other' }, 'provider_payment_mismatch'],
    ['the other mode', { livemode: true }, 'livemode_mismatch'],
    ['another amount', { amount: 11 }, 'amount_mismatch'],
    ['no amount of ours', { amount: null }, 'amount_mismatch'],
    ['another currency', { currency: 'USD' }, 'currency_mismatch'],
    ['an unheard-of status', { status: null }, 'unknown_status'],
  ])('what cannot be is told from what can: %s', (_, changes, fault) => {
    expect(contradiction(payment, refund, { ...snapshot, ...changes })).toBe(fault);
  });

  it.each<[string, Partial<Refund>, string | null]>([
    ['stands', { status: 'succeeded' }, null],
    ['is not known', { status: 'pending', provider_refund_id: null }, null],
    ['was begun and failed', { status: 'failed', failure_code: 'lost' }, null],
    ['is too much for the provider', { failure_code: 'charge_already_refunded' }, 'refund_exceeds_captured'],
    ['is too much for both', { failure_code: 'any', amount: 51 }, 'refund_exceeds_captured'],
    ['is disputed there', { failure_code: 'charge_disputed' }, 'dispute_open'],
    ['is refused for another reason', { failure_code: 'card_too_old' }, null],
  ])('whoever asked for one that %s is told so', (_, changes, code) => {
    const failed = { status: 'failed', provider_refund_id: null, ...changes } as const;
    const asked = { ...refund, ...('failure_code' in changes && !('status' in changes) ? failed : changes) } as Refund;
    expect(refusalOf(payment, asked)?.code ?? null).toBe(code);
  });
});

describe('a dispute', () => {
  const dispute = { amount: 10, status: 'needs_response', closed: false, lost: false, funds: 'withdrawn' } as Dispute;
  const seen = {
    ...snapshot,
    status: 'needs_response',
    closed: false,
    lost: false,
    funds: 'withdrawn',
    evidence_due_at: null,
  } as unknown as DisputeSnapshot;

  it.each<[Dispute['funds'], boolean, string]>([
    ['held', false, 'ours'],
    ['held', true, 'ours'],
    ['withdrawn', false, 'withdrawn'],
    ['withdrawn', true, 'lost'],
    ['reinstated', false, 'reinstated'],
  ])('with funds %s, lost %s, has them %s', (funds, lost, place) => {
    expect(placeOf({ funds, lost })).toBe(place);
  });

  it('has each step posted, and nothing taken back that was not given', () => {
    for (const from of PLACES) {
      for (const to of PLACES) {
        const facts = DISPUTE_POSTINGS[from][to];
        if (!facts || (from === 'lost' && to === 'withdrawn')) continue;
        const before = DISPUTE_POSTINGS['ours'][from]!;
        expect(balances(...before, ...facts)).toEqual(balances(...DISPUTE_POSTINGS['ours'][to]!));
      }
    }
  });

  it('that was lost stays lost while an appeal goes on', () => {
    expect(seenAs(seen, { ...dispute, lost: true }).lost).toBe(true);
    expect(seenAs({ ...seen, funds: 'reinstated' }, { ...dispute, lost: true }).lost).toBe(false);
  });

  it.each<[string, Partial<DisputeSnapshot>, string | null]>([
    ['nothing', {}, null],
    ['another amount', { amount: 11 }, 'amount_mismatch'],
    ['money that was never taken', { funds: 'held' }, 'provider_says_held'],
    ['another payment', { provider_payment_id: 'other' }, 'provider_payment_mismatch'],
  ])('what cannot become of it is told from what can: %s', (_, changes, fault) => {
    expect(disputeContradiction(payment, dispute, { ...seen, ...changes })).toBe(fault);
  });

  it('is news when anything about it has changed', () => {
    const known = { ...dispute, evidence_due_at: null } as Dispute;
    expect(isNews(known, seenAs(seen))).toBe(false);
    for (const change of [{ status: 'won' }, { closed: true }, { lost: true }, { evidence_due_at: new Date() }]) {
      expect(isNews(known, seenAs({ ...seen, ...change }))).toBe(true);
    }
  });
});
