import { followSnapshot, newsOf, contradiction } from '../../src/payments/charges/snapshot-rules.js';
import type { PaymentAttempt } from '../../src/payments/charges/attempt.entity.js';
import type { PaymentSnapshot } from '../../src/payments/gateways/payment.gateway.js';
import type { Payment } from '../../src/payments/payment.entity.js';
import { COMMANDS, PAYMENT_STATUSES, PERMISSIONS, TRANSITIONS } from '../../src/payments/payment-states.js';
import { MOST_QUESTIONS, patience } from '../../src/payments/recovery/patience.js';

const row = (text: string): string[] => text.split(' ');

describe('the transition table', () => {
  // f: follow, i: ignore, c: conflict; in the order of the statuses.
  const EXPECTED: Record<string, string[]> = {
    requires_confirmation: row('i f f f f f f'),
    processing: row('i i f f f f f'),
    requires_action: row('i i i f f f f'),
    requires_payment_method: row('i f f i f f f'),
    requires_capture: row('c c c c i f f'),
    succeeded: row('c c c c c i c'),
    canceled: row('c c c c c c i'),
  };
  const cells = PAYMENT_STATUSES.flatMap((from) =>
    PAYMENT_STATUSES.map((observed, at) => [from, observed, EXPECTED[from]![at]!] as const),
  );

  it.each(cells)('%s, when the provider says %s: %s', (from, observed, verdict) => {
    expect(TRANSITIONS[from][observed][0]).toBe(verdict);
  });

  it('leads out of no end', () => {
    for (const end of ['succeeded', 'canceled'] as const) {
      expect(Object.values(TRANSITIONS[end])).not.toContain('follow');
      expect(Object.values(PERMISSIONS[end])).toEqual(['no', 'no', 'no']);
    }
  });

  const PERMITTED: Record<string, string[]> = {
    requires_confirmation: row('yes no yes'),
    processing: row('attempt no yes'),
    requires_action: row('attempt no yes'),
    requires_payment_method: row('yes no yes'),
    requires_capture: row('no yes yes'),
    succeeded: row('no no no'),
    canceled: row('no no no'),
  };

  it.each(
    PAYMENT_STATUSES.flatMap((from) => COMMANDS.map((command, at) => [from, command, PERMITTED[from]![at]!] as const)),
  )('%s may be asked to %s: %s', (from, command, permission) => {
    expect(PERMISSIONS[from][command]).toBe(permission);
  });
});

const payment = { id: 'p', livemode: false, amount: 100, currency: 'EUR', provider_payment_id: 'pi' } as Payment;
const snapshot = {
  provider_payment_id: 'pi',
  payment_id: 'p',
  livemode: false,
  amount: 100,
  currency: 'EUR',
  status: 'processing',
  amount_captured: 0,
  attempt_id: 'pi_try_1',
} as PaymentSnapshot;

describe('what cannot be', () => {
  it.each<[string, Partial<PaymentSnapshot>, string | null]>([
    ['nothing', {}, null],
    ['another object', { provider_payment_id: 'other' }, 'provider_id_mismatch'],
    ['another payment', { payment_id: 'other' }, 'payment_id_mismatch'],
    ['nobody’s object', { payment_id: null }, 'payment_id_mismatch'],
    ['the other mode', { livemode: true }, 'livemode_mismatch'],
    ['another amount', { amount: 101 }, 'amount_mismatch'],
    ['no amount of ours', { amount: null }, 'amount_mismatch'],
    ['another currency', { currency: 'USD' }, 'currency_mismatch'],
    ['an unheard-of status', { status: null }, 'unknown_status'],
    ['success without money', { status: 'succeeded', amount_captured: 0 }, 'captured_amount_mismatch'],
    ['more money than there was', { status: 'succeeded', amount_captured: 101 }, 'captured_amount_mismatch'],
    ['a part of it', { status: 'succeeded', amount_captured: 99 }, null],
  ])('is told from what can: %s', (_, changes, fault) => {
    expect(contradiction(payment, { ...snapshot, ...changes })).toBe(fault);
  });
});

const attempt = (seq: number, provider_attempt_id: string | null, over: boolean): PaymentAttempt =>
  ({ seq, provider_attempt_id, finished_at: over ? new Date() : null }) as PaymentAttempt;

describe('which try a snapshot tells of', () => {
  const old = attempt(1, 'pi_try_1', true);
  const open = attempt(2, null, false);

  it('is the open one, when it is not named yet', () => {
    expect(newsOf([old, open], { ...snapshot, attempt_id: 'pi_try_2' })).toMatchObject({ stale: false, attempt: open });
  });

  it.each(['processing', 'requires_action', 'requires_payment_method'] as const)(
    'is an older one: %s is no news then',
    (status) => {
      expect(newsOf([old, open], { ...snapshot, status }).stale).toBe(true);
    },
  );

  it('is the open one, when its method was tried before: but for the old refusal', () => {
    const again = { ...open, payment_method: 'pm_again' } as PaymentAttempt;
    const before = attempt(1, 'pm_again', true);
    const told = (status: 'requires_action' | 'requires_payment_method') =>
      newsOf([before, again], { ...snapshot, status, attempt_id: 'pm_again' });

    expect(told('requires_action')).toMatchObject({ stale: false, attempt: again, former: before });
    expect(told('requires_payment_method').stale).toBe(true);
  });

  it.each(['requires_confirmation', 'requires_payment_method', 'processing'] as const)(
    'is none: %s is no news then',
    (status) => {
      expect(newsOf([open], { ...snapshot, status, attempt_id: null }).stale).toBe(true);
    },
  );

  it.each(['succeeded', 'canceled', 'requires_capture'] as const)('does not matter at an end: %s', (status) => {
    expect(newsOf([old, open], { ...snapshot, status }).stale).toBe(false);
    expect(newsOf([open], { ...snapshot, status, attempt_id: null }).stale).toBe(false);
  });

  it('is the one whose confirmation it answers, even if an earlier one had the same name', () => {
    const news = newsOf([old, open], { ...snapshot, attempt_id: 'pi_try_1', status: 'requires_action' }, 2);
    expect(news).toMatchObject({ stale: false, attempt: open, former: old });
    expect(newsOf([old, open], { ...snapshot, attempt_id: 'pi_try_2' }, 2)).toMatchObject({
      attempt: open,
      former: null,
    });
    expect(newsOf([old], { ...snapshot, status: 'requires_action' }, 1)).toMatchObject({ stale: true, former: null });
  });

  it('is a browser’s, which was not begun by us, and overtakes ours', () => {
    const mine = attempt(1, 'pi_try_1', false);
    const news = newsOf([mine], { ...snapshot, attempt_id: 'pi_try_2' });
    expect(news).toMatchObject({ stale: false, attempt: null, next_seq: 2, overtaken: mine });
  });
});

describe('following', () => {
  it.each(PAYMENT_STATUSES)('to %s leaves nothing open without a date', (status) => {
    const { next_reconcile_at } = followSnapshot(payment, { ...snapshot, status, amount_captured: 100 }, 10);
    expect(next_reconcile_at !== null).toBe(['processing', 'requires_action', 'requires_capture'].includes(status));
  });
});

describe('the patience of the reconciler', () => {
  it('is 10 s, 30 s, 2 min, 10 min, an hour, hourly for a day, daily for a week, and then over', () => {
    const waits = Array.from({ length: MOST_QUESTIONS }, (_, at) => patience(at, 10_000) / 1_000);
    expect(waits.slice(0, 6)).toEqual([10, 30, 120, 600, 3_600, 3_600]);
    expect(waits.at(28)).toBe(3_600);
    expect(waits.slice(29)).toEqual(Array(7).fill(86_400));
  });
});
