import { uuidv7 } from '../../src/common/uuid.js';
import { failureOf, isOutage } from '../../src/payments/stripe/stripe-failures.js';
import { paymentOf, refundOf } from '../../src/payments/stripe/stripe-snapshots.js';

const payment_id = uuidv7();
const intent = (changes: object = {}): any => ({
  id: 'pi_1',
  amount: 4_200,
  amount_received: 0,
  cancellation_reason: null,
  currency: 'eur',
  last_payment_error: null,
  latest_charge: null,
  livemode: true,
  metadata: { payment_id },
  next_action: null,
  payment_method: null,
  status: 'requires_payment_method',
  ...changes,
});

describe('what Stripe says', () => {
  it('and nobody here has heard of is no status', () => {
    expect(paymentOf(intent({ status: 'requires_blessing' })).status).toBeNull();
    expect(refundOf({ payment_intent: 'pi_1', currency: 'eur', amount: 1, status: 'lost' } as any, true)).toMatchObject(
      {
        status: null,
        livemode: true,
      },
    );
  });

  it.each([
    ['isk', 50_000, 500],
    ['isk', 50_001, null],
    ['mga', 500, 50_000],
    ['kwd', 5_120, 5_120],
    ['jpy', 500, 500],
  ])('in %s counts otherwise: %d is %d', (currency, theirs, ours) => {
    expect(paymentOf(intent({ currency, amount: theirs, amount_received: theirs }))).toMatchObject({
      amount: ours,
      amount_captured: ours,
      currency: currency.toUpperCase(),
    });
  });

  it('of an intent that somebody else made, or wrote into, names no payment of ours', () => {
    expect(paymentOf(intent({ metadata: {} })).payment_id).toBeNull();
    expect(paymentOf(intent({ metadata: { payment_id: "'; DROP TABLE payments" } })).payment_id).toBeNull();
    expect(paymentOf(intent())).toMatchObject({ payment_id, livemode: true });
  });

  it.each<[what: string, changes: object, attempt_id: string | null]>([
    ['before the first', {}, null],
    ['before the first, with a method', { status: 'requires_confirmation', payment_method: 'pm_1' }, null],
    [
      'while the payer is asked, after an earlier one',
      { status: 'requires_action', payment_method: { id: 'pm_2' }, latest_charge: 'ch_1' },
      'pm_2',
    ],
    ['that was taken', { status: 'succeeded', payment_method: { id: 'pm_2' }, latest_charge: { id: 'ch_2' } }, 'pm_2'],
    [
      'that was declined',
      { last_payment_error: { charge: 'ch_2', payment_method: { id: 'pm_2', type: 'card' } } },
      'pm_2',
    ],
    ['that was declined, by nobody knows what', { last_payment_error: { charge: 'ch_2' } }, 'ch_2'],
    ['that was declined, and no more is known', { last_payment_error: {} }, 'pi_1'],
    ['that was never made', { status: 'canceled' }, null],
  ])('of a try %s has one name', (_, changes, attempt_id) => {
    expect(paymentOf(intent(changes)).attempt_id).toBe(attempt_id);
  });

  it('of a method is what may be shown, whatever its type', () => {
    const method = (payment_method: object | string) =>
      paymentOf(intent({ status: 'succeeded', payment_method })).payment_method;
    expect(method({ id: 'pm_1', type: 'sepa_debit', sepa_debit: { last4: '3000', country: 'DE' } })).toEqual({
      id: 'pm_1',
      type: 'sepa_debit',
      brand: null,
      last4: '3000',
    });
    expect(method({ id: 'pm_1', type: 'ideal', ideal: { bank: 'ing' } })).toMatchObject({ brand: null, last4: null });
    expect(method('pm_1')).toEqual({ id: 'pm_1', type: 'unknown', brand: null, last4: null });
  });

  it('of a page to go to is that alone, and while it waits for the payer', () => {
    const action = (next_action: object, status = 'requires_action') =>
      paymentOf(intent({ status, next_action })).next_action;
    const page = { type: 'redirect_to_url', redirect_to_url: { url: 'https://bank.example', return_url: null } };
    expect(action(page)).toEqual({ type: 'redirect', url: 'https://bank.example' });
    expect(action(page, 'processing')).toBeNull();
    expect(action({ type: 'use_stripe_sdk', use_stripe_sdk: { secret: 1 } })).toBeNull();
  });

  it('of how long it holds counts while it holds', () => {
    const latest_charge = { payment_method_details: { type: 'card', card: { capture_before: 1_800_000_000 } } };
    expect(paymentOf(intent({ status: 'requires_capture', latest_charge })).capture_before).toEqual(
      new Date(1_800_000_000_000),
    );
    expect(paymentOf(intent({ status: 'requires_capture', latest_charge: 'ch_1' })).capture_before).toBeNull();
    expect(paymentOf(intent({ status: 'succeeded', latest_charge })).capture_before).toBeNull();
  });

  it('of an error that came of something else is left as it was', () => {
    const mistake = new TypeError('a mistake of ours');
    expect(failureOf(mistake)).toBe(mistake);
    expect(isOutage(mistake)).toBe(false);
  });
});
