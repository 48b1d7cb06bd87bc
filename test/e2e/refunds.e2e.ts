import { randomUUID } from 'node:crypto';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import {
  act,
  brokenInvariants,
  events,
  paid,
  pay,
  paymentOf,
  quiescence,
  refund,
  refunded,
  refundedAtBank,
  refundsOf,
  UNHURRIED_PAYMENTS,
} from '../support/payments.js';
import { times } from '../support/visitors.js';

jest.setTimeout(60_000);

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  app = await startApp({ timings: UNHURRIED_PAYMENTS });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
  platform = await app.admin();
});

describe('POST /payments/{id}/refunds', () => {
  it('gives a part back, and then the rest, and posts both', async () => {
    const payment = await paid(ada);
    const reason = 'requested_by_customer';
    const { status, headers, body } = await refund(admin, payment.id, { amount: 1_000, reason, metadata: { a: 'b' } });

    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/refunds/${body.id}`);
    expect(body).toMatchObject({
      payment_id: payment.id,
      status: 'succeeded',
      amount: 1_000,
      currency: 'EUR',
      reason,
      origin: 'api',
      failure_code: null,
      metadata: { a: 'b' },
      provider_refund_id: expect.stringMatching(/^re_sim_/),
    });
    expect(await paymentOf(ada, payment.id)).toMatchObject({
      status: 'succeeded',
      version: payment.version,
      amount_refunded: 1_000,
      amount_refund_pending: 0,
      refund_status: 'partial',
    });

    const rest = await refunded(admin, payment.id);
    expect(rest.amount).toBe(3_200);
    expect(await paymentOf(ada, payment.id)).toMatchObject({ amount_refunded: 4_200, refund_status: 'full' });
    expect(await refundsOf(ada, payment.id)).toEqual([rest, body]);
    expect(await refundedAtBank(app, payment.id)).toBe(4_200);
    expect(await events(app, payment.id)).toEqual([
      'captured',
      'refund_requested',
      'refund_succeeded',
      'refund_requested',
      'refund_succeeded',
    ]);
  });

  it('gives back no more than is left, and tells how much that is', async () => {
    const { id } = await paid(ada);
    await refunded(admin, id, { amount: 4_000 });
    const more = await refund(admin, id, { amount: 201 });
    expect(more).toMatchObject({ status: 422, body: { code: 'refund_exceeds_captured', max_refundable: 200 } });

    await refunded(admin, id, { amount: 200 });
    const nothing = await refund(admin, id);
    expect(nothing.body).toMatchObject({ code: 'refund_exceeds_captured', max_refundable: 0, payment_id: id });
    expect(await refundedAtBank(app, id)).toBe(4_200);
  });

  it('gives two equal parts back: they are two refunds', async () => {
    const { id } = await paid(ada);
    const [one, other] = [await refunded(admin, id, { amount: 500 }), await refunded(admin, id, { amount: 500 })];

    expect(one.provider_refund_id).not.toBe(other.provider_refund_id);
    expect(await refundedAtBank(app, id)).toBe(1_000);
  });

  it('gives a part of what was captured back, not of what was authorized', async () => {
    const { id } = await paid(ada, { capture_method: 'manual' });
    expect(await refund(admin, id)).toMatchObject({
      status: 409,
      body: { code: 'payment_state_conflict', current_status: 'requires_capture' },
    });
    await act(admin, id, 'capture', { amount: 3_000 });
    const more = await refund(admin, id, { amount: 3_001 });

    expect(more.body).toMatchObject({ code: 'refund_exceeds_captured', max_refundable: 3_000 });
    expect((await refunded(admin, id)).amount).toBe(3_000);
  });

  it.each([
    ['an amount of zero', { amount: 0 }, 'validation_failed'],
    ['half a cent', { amount: 0.5 }, 'validation_failed'],
    ['a reason that nobody has', { reason: 'because' }, 'validation_failed'],
    ['metadata that are no texts', { metadata: { a: 1 } }, 'validation_failed'],
    ['null', { amount: null }, 'validation_failed'],
    ['an unknown field', { currency: 'EUR' }, 'validation_failed'],
    ['a card number', { metadata: { card: '4242424242424242' } }, 'card_data_forbidden'],
  ])('refuses %s', async (_, body, code) => {
    const { id } = await paid(ada);
    expect(await refund(admin, id, body)).toMatchObject({ status: 422, body: { code } });
    expect(await refundsOf(admin, id)).toEqual([]);
  });

  it('refuses a fraction that the provider does not have', async () => {
    const { id } = await paid(ada, { amount: 5_120, currency: 'KWD' });
    expect((await refund(admin, id, { amount: 1 })).body.code).toBe('amount_not_representable');
    expect((await refunded(admin, id, { amount: 10 })).amount).toBe(10);
  });

  it('is sent again, and given back once', async () => {
    const [{ id }, key] = [await paid(ada), randomUUID()];
    const first = await refund(admin, id, { amount: 700 }, key);
    const again = await times(10, () => refund(admin, id, { amount: 700 }, key));

    for (const { text, headers, status } of again) {
      expect({ status, text }).toEqual({ status: 201, text: first.text });
      expect(headers.get('idempotent-replayed')).toBe('true');
      expect(headers.get('location')).toBe(first.headers.get('location'));
    }
    expect((await refund(admin, id, { amount: 701 }, key)).body.code).toBe('idempotency_key_reused');
    expect(await refundedAtBank(app, id)).toBe(700);
  });

  it('of many with one key at once is one', async () => {
    const [{ id }, key] = [await paid(ada), randomUUID()];
    const answers = await times(20, () => refund(admin, id, {}, key));

    for (const { status, body } of answers) {
      expect(status === 201 || body.code === 'idempotency_in_progress').toBe(true);
    }
    expect(await refundsOf(admin, id)).toHaveLength(1);
  });
});

describe('who may give money back', () => {
  it('is an admin of the tenant; its owner sees it', async () => {
    const { id } = await paid(ada);
    const [bob, other] = [await app.signUp(), await pay(ada)];
    expect((await refund(ada, id)).body).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await refund(admin, randomUUID())).body.code).toBe('payment_not_found');
    const made = await refunded(platform, id, { amount: 100 });

    expect((await ada.get(`/refunds/${made.id}`)).body).toEqual(made);
    expect((await bob.get(`/refunds/${made.id}`)).body.code).toBe('refund_not_found');
    expect((await bob.get(`/payments/${id}/refunds`)).body.code).toBe('payment_not_found');
    expect((await bob.get('/refunds')).body.data).toEqual([]);
    expect((await ada.get(`/payments/${other.body.id}/refunds`)).body).toEqual({ data: [], has_more: false });
  });

  it('is not answered where nobody takes money', async () => {
    const none = await startApp({ settings: { PAYMENT_PROVIDER: 'none' } });
    const chief = await none.logIn(admin);
    const { id } = await paid(ada);
    const { status, body } = await refund(chief, id);

    expect({ status, code: body.code }).toEqual({ status: 503, code: 'provider_misconfigured' });
    await none.close();
  });
});

describe('GET /refunds', () => {
  it('pages and filters what the caller may see', async () => {
    const eve = await app.signUp();
    const { id } = await paid(eve, { reference: 'order-4711' });
    const made: string[] = [];
    for (let part = 1; part <= 4; part++) made.unshift((await refunded(admin, id, { amount: 100 * part })).id);
    const first = (await eve.get('/refunds?limit=3')).body;
    expect(first).toMatchObject({ has_more: true });
    const second = (await eve.get(`/refunds?limit=3&starting_after=${first.data.at(-1).id}`)).body;
    expect([...first.data, ...second.data].map((one: any) => one.id)).toEqual(made);

    const count = async (query: string, by = eve) => (await by.get(`/refunds?${query}`)).body.data.length;
    expect(await count('amount_gte=200&amount_lte=300')).toBe(2);
    expect(await count('status=failed')).toBe(0);
    expect(await count('currency=eur')).toBe(4);
    expect(await count('currency=usd')).toBe(0);
    expect(await count('reference=order-4711')).toBe(4);
    expect(await count('reference=order-4712')).toBe(0);
    expect(await count(`owner_id=${ada.user.id}`)).toBe(0);
    expect(await count(`owner_id=${eve.user.id}`, admin)).toBe(4);
    expect(await count(`until=${encodeURIComponent(new Date(0).toISOString())}`)).toBe(0);
    expect((await eve.get('/refunds?state=x')).status).toBe(422);
    const { body: part } = await eve.get(`/payments/${id}/refunds?limit=1&ending_before=${made[3]}`);
    expect(part).toMatchObject({ data: [{ id: made[2] }], has_more: true });
  });
});

it('a payment’s timeline and postings tell of its refunds', async () => {
  // No webhook of it is taken: the provider's own news may come first, and is nobody's.
  const { id } = await paid(ada, { payment_method: 'pm_sim_webhook_bad_signature' });
  const made = await refunded(admin, id, { amount: 300 });
  const { body: timeline } = await ada.get(`/payments/${id}/timeline`);
  const { body: ledger } = await ada.get(`/payments/${id}/ledger`);

  expect(timeline.data.filter(({ type }: any) => type === 'refund')).toMatchObject([
    { what: made.id, status: 'pending', actor: 'api', version: 1 },
    { what: made.id, status: 'succeeded', actor: 'api', version: 2 },
  ]);
  expect(timeline.data).toContainEqual(
    expect.objectContaining({ type: 'operation', what: 'refund', status: 'succeeded' }),
  );
  expect(ledger.data.slice(2)).toMatchObject([
    { account: 'refunds', direction: 'debit', amount: 300, source: { type: 'refund', id: made.id } },
    { account: 'refunds_payable', direction: 'credit', event: 'refund_requested' },
    { account: 'refunds_payable', direction: 'debit', event: 'refund_succeeded' },
    { account: 'provider_receivable', direction: 'credit', amount: 300 },
  ]);
});

it('after all of it the books are in order', async () => {
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
});
