import { randomUUID } from 'node:crypto';
import { startApp, type TestApp } from '../support/app.js';
import { conforming } from '../support/conformance.js';
import { Client } from '../support/client.js';
import { act, paid, pay, paymentOf, postings, timesCharged, untilStatus } from '../support/payments.js';

let app: TestApp;
let ada: Client;
let admin: Client;
beforeAll(async () => {
  app = await startApp();
  ada = await Client.logIn(conforming(app.send), await app.signUp());
  admin = await app.tenantAdmin();
});

describe('POST /payments', () => {
  it('takes the money, once, and posts it', async () => {
    const { status, headers, body } = await pay(ada, { reference: 'order-1', metadata: { cart: '7' } });

    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/payments/${body.id}`);
    expect(body).toMatchObject({
      status: 'succeeded',
      amount: 4_200,
      amount_captured: 4_200,
      currency: 'EUR',
      payment_method: { id: 'pm_sim_success', type: 'card', last4: '4242' },
      reference: 'order-1',
      metadata: { cart: '7' },
      refund_status: 'none',
      dispute_status: null,
      needs_review: false,
      provider: 'simulator',
      livemode: false,
      owner_id: ada.user.id,
      version: 2,
      next_action: null,
      last_error: null,
    });
    expect(await timesCharged(app, body.id)).toBe(1);
    expect(await postings(app, body.id)).toBe(1);
    expect(await paymentOf(ada, body.id)).toEqual(body);
  });

  it.each([
    ['pm_sim_declined', 'card_declined', 'generic_decline'],
    ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
    ['pm_sim_insufficient_funds', 'card_declined', 'insufficient_funds'],
    ['pm_sim_lost_card', 'card_declined', 'lost_card'],
    ['pm_sim_velocity', 'card_declined', 'card_velocity_exceeded'],
    ['pm_sim_expired_card', 'expired_card', null],
    ['pm_sim_incorrect_cvc', 'incorrect_cvc', null],
    ['pm_sim_processing_error', 'processing_error', null],
  ])(
    'tells that %s is declined, and the payment waits for another method',
    async (payment_method, code, decline_code) => {
      const { status, body } = await pay(ada, { payment_method });

      expect(status).toBe(402);
      expect(body).toMatchObject({ code, decline_code });
      const payment = await paymentOf(ada, body.payment_id);
      expect(payment).toMatchObject({ status: 'requires_payment_method', last_error: { code, decline_code } });
      expect(await timesCharged(app, payment.id)).toBe(0);

      const again = await act(ada, payment.id, 'confirm', { payment_method: 'pm_sim_success' });
      expect(again).toMatchObject({ status: 200, body: { status: 'succeeded', last_error: null } });
      expect(await timesCharged(app, payment.id)).toBe(1);
    },
  );

  it.each([
    ['no amount', { amount: undefined }, 'validation_failed'],
    ['an amount of zero', { amount: 0 }, 'validation_failed'],
    ['a negative amount', { amount: -1 }, 'validation_failed'],
    ['half a cent', { amount: 99.5 }, 'validation_failed'],
    ['a text for an amount', { amount: '4200' }, 'validation_failed'],
    ['thirteen digits', { amount: 1_000_000_000_000 }, 'amount_too_large'],
    ['too little', { amount: 49 }, 'amount_too_small'],
    ['a currency of four letters', { currency: 'EURO' }, 'validation_failed'],
    ['a currency that nobody has', { currency: 'XXX' }, 'currency_unsupported'],
    ['a fraction that the provider does not have', { amount: 5_124, currency: 'KWD' }, 'amount_not_representable'],
    ['no payment method', { payment_method: undefined }, 'validation_failed'],
    ['a payment method that nobody knows', { payment_method: 'pm_nobody' }, 'validation_failed'],
    ['a page that is none', { return_url: 'javascript:alert(1)' }, 'validation_failed'],
    ['a page that is one only once it is mended', { return_url: ' https://example.com/' }, 'validation_failed'],
    ['a name in the page', { return_url: 'https://ada:pw@example.com' }, 'validation_failed'],
    ['a card number', { description: 'Card 4242 4242 4242 4242' }, 'card_data_forbidden'],
    ['a card number in the metadata', { metadata: { card: '4242424242424242' } }, 'card_data_forbidden'],
    ['metadata that are no texts', { metadata: { a: 1 } }, 'validation_failed'],
    ['an unknown field', { card: {} }, 'validation_failed'],
  ])('refuses %s', async (_, changes, code) => {
    const { status, body } = await pay(ada, changes);

    expect({ status, code: body.code }).toEqual({ status: 422, code });
    expect(JSON.stringify(body)).not.toContain('4242424242424242');
  });

  it('takes a currency in any case, and gives it back in upper case', async () => {
    expect(await paid(ada, { currency: 'usd' })).toMatchObject({ currency: 'USD' });
  });

  it('keeps a reference for one payment, unless that was canceled', async () => {
    const reference = randomUUID();
    const first = await paid(ada, { reference, confirm: false });
    const second = await pay(ada, { reference });
    expect(second).toMatchObject({ status: 409, body: { code: 'reference_conflict', payment_id: first.id } });

    await act(ada, first.id, 'cancel');
    expect((await pay(ada, { reference })).status).toBe(201);
  });

  it('sets aside what cannot be, and takes it for no answer', async () => {
    for (const lie of ['amount_mismatch', 'currency_mismatch', 'unknown_status']) {
      const payment = await paid(ada, { payment_method: `pm_sim_${lie}` });
      expect(payment).toMatchObject({ status: 'processing', needs_review: true });
    }
    const { body } = await admin.get('/payments?needs_review=true');
    expect(body.data.length).toBeGreaterThanOrEqual(3);
  });

  it('tells the log of a failure by its code, with the ids and without what could be paid with', async () => {
    const { body } = await pay(ada, { payment_method: 'pm_sim_lost_card', metadata: { canary: 'metadata-canary' } });
    const line = JSON.parse(app.logs.findLast((one) => one.includes('Failed to process payment: card_declined'))!);

    expect(line).toMatchObject({ level: 'error', payment_id: body.payment_id, request_id: body.request_id });
    expect(JSON.stringify(line)).toContain('payments.service');
    expect(app.logs.join('\n')).not.toMatch(/metadata-canary|pm_sim_lost_card/);
  });
});

describe('a payment that the payer must agree to', () => {
  it('is finished by a webhook, after the page', async () => {
    const payment = await paid(ada, { payment_method: 'pm_sim_3ds_required', return_url: 'https://shop.example.com/' });
    expect(payment).toMatchObject({ status: 'requires_action', next_action: { type: 'redirect' } });
    const token = payment.next_action.url.split('#')[1];
    const stranger = { body: { token, outcome: 'success' }, token: 'rubbish' };
    expect((await app.send('POST', '/simulator/authenticate', stranger)).body.code).toBe('invalid_token');

    const answer = await app.send('POST', '/simulator/authenticate', { body: { token, outcome: 'success' } });
    expect(answer).toMatchObject({ status: 200, body: { return_url: 'https://shop.example.com/' } });
    expect(await untilStatus(ada, payment.id, 'succeeded')).toMatchObject({ next_action: null });
    const again = await app.send('POST', '/simulator/authenticate', { body: { token, outcome: 'success' } });
    expect(again).toMatchObject({ status: 422, body: { code: 'token_invalid' } });
  });

  it.each([
    ['pm_sim_3ds_required', 'fail', 'authentication_failed'],
    ['pm_sim_3ds_then_declined', 'success', 'card_declined'],
  ])('%s with %s waits for another method', async (payment_method, outcome, code) => {
    const platform = await app.admin();
    const payment = await paid(ada, { payment_method });
    await platform.post(`/simulator/payments/${payment.id}/authenticate`, { outcome });

    const declined = await untilStatus(ada, payment.id, 'requires_payment_method');
    expect(declined.last_error).toMatchObject({ code });
    expect(await timesCharged(app, payment.id)).toBe(0);
  });

  it('shows a page that runs nothing but its own script', async () => {
    const { status, headers, text } = await app.send('GET', '/simulator/authenticate');

    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none';script-src 'sha256-/);
    expect(text).toContain('The simulated bank');
  });
});

describe('a payment that takes a while', () => {
  /** Where it takes as long as the test wants: until the bank's clock is put forward. */
  let slow: TestApp;
  beforeAll(async () => (slow = await startApp({ database: 'own', timings: { simulator_delay_ms: 3_600_000 } })));

  it.each([
    ['pm_sim_processing_succeeds', 'succeeded', 1],
    ['pm_sim_processing_fails', 'requires_payment_method', 0],
    ['pm_sim_webhook_never', 'succeeded', 1],
  ])('%s ends as %s', async (payment_method, status, charged) => {
    const [bob, platform] = [await slow.signUp(), await slow.admin()];
    const payment = await paid(bob, { payment_method });
    expect(payment.status).toBe('processing');
    await platform.post('/simulator/clock', { advance_hours: 2 });
    await untilStatus(bob, payment.id, status);
    expect(await timesCharged(slow, payment.id)).toBe(charged);
  });
});

describe('a payment that is only prepared', () => {
  it('moves no money until it is confirmed', async () => {
    const payment = await paid(ada, { confirm: false, payment_method: undefined });
    expect(payment).toMatchObject({ status: 'requires_confirmation', payment_method: null });
    expect(payment.provider_payment_id).not.toBeNull();
    expect(await timesCharged(app, payment.id)).toBe(0);

    const { body } = await ada.get(`/payments/${payment.id}/client-secret`);
    expect(body.client_secret).toContain(payment.provider_payment_id);
    expect((await act(ada, payment.id, 'confirm', { payment_method: 'pm_sim_success' })).body.status).toBe('succeeded');
  });

  it('is not canceled after it has taken money', async () => {
    const { id } = await paid(ada);
    const { status, body } = await act(ada, id, 'cancel');

    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'payment_state_conflict', payment_id: id, current_status: 'succeeded' });
  });
});

describe('a payment that is authorized first', () => {
  it('is captured by an admin, in part, once', async () => {
    const payment = await paid(ada, { capture_method: 'manual' });
    expect(payment).toMatchObject({ status: 'requires_capture', amount_authorized: 4_200, amount_captured: 0 });
    expect((await act(ada, payment.id, 'capture')).body).toMatchObject({ status: 403, code: 'forbidden' });
    const more = await act(admin, payment.id, 'capture', { amount: 4_201 });
    expect(more.body).toMatchObject({ status: 422, code: 'capture_exceeds_authorized' });

    const captured = await act(admin, payment.id, 'capture', { amount: 4_000 });
    expect(captured).toMatchObject({ status: 200, body: { status: 'succeeded', amount_captured: 4_000 } });
    const again = await act(admin, payment.id, 'capture');
    expect(again.body).toMatchObject({ code: 'payment_state_conflict', current_status: 'succeeded' });
    expect(await timesCharged(app, payment.id)).toBe(1);
  });

  it('is given up by its owner, or lapses', async () => {
    const one = await paid(ada, { capture_method: 'manual' });
    expect((await act(ada, one.id, 'cancel')).body).toMatchObject({ status: 'canceled' });

    const platform = await app.admin();
    const other = await paid(ada, { capture_method: 'manual', payment_method: 'pm_sim_auth_expires' });
    expect((await platform.post('/simulator/clock', { advance_hours: 2 })).status).toBe(204);
    await untilStatus(ada, other.id, 'canceled');
    expect((await platform.post('/simulator/reset')).status).toBe(204);
  });
});

it('what the bank was about to settle by a clock that was ahead, it settles when the clock is put right', async () => {
  const platform = await app.admin();
  await platform.post('/simulator/clock', { advance_hours: 200 });
  const payment = await paid(ada, { payment_method: 'pm_sim_processing_succeeds' });
  await platform.post('/simulator/reset');

  await untilStatus(ada, payment.id, 'succeeded');
});
