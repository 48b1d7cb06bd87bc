import { randomUUID } from 'node:crypto';
import { uuidv7 } from '../../src/common/uuid.js';
import type { PaymentSnapshot } from '../../src/payments/gateways/payment.gateway.js';
import { now_s } from '../support/stripe/shelves.js';
import { anOrder, sending, soon, stripeGateway } from '../support/stripe/gateway.js';
import { StripeServer, type StripeOperation } from '../support/stripe/server.js';
import { paymentGatewayContract } from './payment.gateway.contract.js';

let stripe: StripeServer;
let gateway: ReturnType<typeof stripeGateway>;
beforeAll(async () => {
  stripe = await StripeServer.start();
  gateway = stripeGateway(stripe);
});
beforeEach(() => {
  stripe.requests.length = 0;
  stripe.heal();
});

describe('Stripe', () => {
  paymentGatewayContract({
    gateway: () => gateway,
    methods: {
      success: 'pm_card_visa',
      declined: 'pm_card_visa_chargeDeclined',
      authenticate: 'pm_card_threeDSecure2Required',
      slowRefund: 'pm_card_pendingRefund',
    },
    loseNextAnswer: async (operation) => stripe.fail(operation, 'half_done'),
    dispute: async (pay) => stripe.books.dispute((await pay('pm_card_visa')).provider_payment_id).id as string,
  });
});

const create = (changes = {}): Promise<PaymentSnapshot> => gateway.create(anOrder(changes), sending(randomUUID()));
const confirm = ({ provider_payment_id }: PaymentSnapshot, payment_method = 'pm_card_visa') =>
  gateway.confirm(provider_payment_id, { payment_method, return_url: null }, sending(randomUUID()));
const paid = async (changes = {}): Promise<PaymentSnapshot> => confirm(await create(changes));

/** The one request of its kind since the test began. */
function asked(operation: StripeOperation) {
  const found = stripe.asked(operation);
  expect(found).toHaveLength(1);
  return found[0]!;
}

describe('what Stripe is asked', () => {
  it('is a new intent, unconfirmed, that says whose it is', async () => {
    const order = anOrder({ capture_method: 'manual' });
    await gateway.create(order, sending('pay:1:create:1'));
    const { method, path, form, headers } = asked('create');

    expect(`${method} ${path}`).toBe('POST /v1/payment_intents');
    expect(form).toEqual({
      amount: '4200',
      currency: 'eur',
      capture_method: 'manual',
      automatic_payment_methods: { enabled: 'true' },
      metadata: { payment_id: order.payment_id, tenant_id: order.tenant_id },
      expand: { 0: 'latest_charge', 1: 'payment_method' },
    });
    expect(headers).toMatchObject({
      authorization: `Bearer ${stripe.key}`,
      'content-type': 'application/x-www-form-urlencoded',
      'idempotency-key': 'pay:1:create:1',
      'stripe-version': '2026-10-28.endive',
    });
    expect(headers).not.toHaveProperty('x-stripe-client-telemetry');
    expect(headers['x-stripe-client-user-agent']).not.toContain('platform');
  });

  it('is to confirm it, with a page to come back to', async () => {
    const [first, second] = [await create(), await create()];
    const method = { payment_method: 'pm_card_visa', return_url: 'https://shop.example.com/thanks?a=b&c' };
    await gateway.confirm(first.provider_payment_id, method, sending('pay:1:confirm:1'));
    const { path, form, headers } = asked('confirm');

    expect(path).toBe(`/v1/payment_intents/${first.provider_payment_id}/confirm`);
    expect(form).toEqual({ ...method, expand: { 0: 'latest_charge', 1: 'payment_method' } });
    expect(headers['idempotency-key']).toBe('pay:1:confirm:1');

    await confirm(second);
    expect(stripe.asked('confirm')[1]!.form['return_url']).toBe('https://shop.example.com');
  });

  it('is to capture a part, in Stripe’s units', async () => {
    const held = await paid({ capture_method: 'manual', currency: 'ISK', amount: 500 });
    stripe.requests.length = 0;
    const captured = await gateway.capture(held.provider_payment_id, { amount: 300 }, sending('pay:1:capture:1'));
    const { path, form, headers } = asked('capture');

    expect(captured).toMatchObject({ status: 'succeeded', amount: 500, amount_captured: 300 });
    expect(path).toBe(`/v1/payment_intents/${held.provider_payment_id}/capture`);
    expect(form).toMatchObject({ amount_to_capture: '30000' });
    expect(headers['idempotency-key']).toBe('pay:1:capture:1');
  });

  it.each([
    ['fraudulent', 'fraudulent'],
    ['requested_by_customer', 'requested_by_customer'],
    ['somebody changed their mind', undefined],
  ])('is to cancel it because of "%s"', async (reason, theirs) => {
    const { provider_payment_id } = await create();
    const canceled = await gateway.cancel(provider_payment_id, { reason }, sending(randomUUID()));
    const { path, form } = asked('cancel');

    expect(path).toBe(`/v1/payment_intents/${provider_payment_id}/cancel`);
    expect(form['cancellation_reason']).toBe(theirs);
    expect(canceled).toMatchObject({ status: 'canceled', cancellation_reason: theirs ?? null });
  });

  it('is to give back, and the refund says whose it is', async () => {
    const { provider_payment_id } = await paid({ currency: 'UGX', amount: 5_000 });
    const request = {
      refund_id: uuidv7(),
      payment_id: uuidv7(),
      tenant_id: uuidv7(),
      amount: 2_000,
      currency: 'UGX',
      reason: 'duplicate',
    };
    const refund = await gateway.refund(provider_payment_id, request, sending('refund:1'));
    const { method, path, form, headers } = asked('refund');
    const { refund_id, payment_id, tenant_id } = request;

    expect(`${method} ${path}`).toBe('POST /v1/refunds');
    expect(form).toEqual({
      payment_intent: provider_payment_id,
      amount: '200000',
      reason: 'duplicate',
      metadata: { refund_id, payment_id, tenant_id },
    });
    expect(headers['idempotency-key']).toBe('refund:1');
    expect(refund).toEqual({
      provider_refund_id: expect.stringMatching(/^re_/),
      refund_id,
      provider_payment_id,
      livemode: false,
      amount: 2_000,
      currency: 'UGX',
      status: 'succeeded',
      reason: 'duplicate',
      failure_code: null,
    });
    expect(await gateway.fetchRefund(refund.provider_refund_id, soon())).toEqual(refund);

    const free = { ...request, refund_id: uuidv7(), reason: 'the parcel was lost' };
    expect(await gateway.refund(provider_payment_id, free, sending('refund:2'))).toMatchObject({ reason: null });
    await expect(gateway.refund(provider_payment_id, request, sending('refund:3'))).rejects.toMatchObject({
      name: 'ProviderRejectedError',
    });
    expect((await gateway.listRefunds(provider_payment_id, soon())).map((one) => one.refund_id)).toEqual([
      free.refund_id,
      refund_id,
    ]);
  });

  it('is the same under the same key when it is asked again', async () => {
    const order = anOrder();
    stripe.fail('create', 'reset', 2);
    const key = `pay:${order.payment_id}:create:1`;
    await expect(gateway.create(order, sending(key))).rejects.toMatchObject({ code: 'connection' });
    const made = await gateway.create({ ...order }, sending(key));

    const sent = stripe
      .asked('create')
      .map(({ path, body, headers }) => ({ path, body, key: headers['idempotency-key'] }));
    expect(sent.length).toBeGreaterThan(2);
    expect(new Set(sent.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(made).toMatchObject({ payment_id: order.payment_id });
  });
});

describe('what is found', () => {
  it('by our id is looked for at the payment’s own time first, page by page', async () => {
    const order = anOrder();
    const made = await gateway.create(order, sending(randomUUID()));
    const other = await create();
    for (let count = 0; count < 250; count++) {
      stripe.books.intents.unshift({ ...stripe.books.intents[0], id: `pi_other_${count}`, metadata: {} });
    }
    stripe.requests.length = 0;
    const found = await gateway.findByPayment(order.payment_id, soon());
    const pages = stripe.asked('list').map(({ query }) => query);

    expect(found).toEqual(made);
    expect(other.provider_payment_id).not.toBe(made.provider_payment_id);
    expect(pages).toHaveLength(3);
    expect(pages[0]).toMatchObject({ limit: '100', expand: { 0: 'data.latest_charge', 1: 'data.payment_method' } });
    expect(Number(pages[0]!['created'].gte)).toBeGreaterThan(now_s() - 400);
    expect(pages[1]!['starting_after']).toBe('pi_other_150');

    const late = stripe.books.intents.find(({ id }) => id === made.provider_payment_id);
    late.created += 3_600;
    expect(await gateway.findByPayment(order.payment_id, soon())).toMatchObject({
      provider_payment_id: made.provider_payment_id,
    });
  });

  it('since a time is everything: payments, refunds and disputes', async () => {
    const [payable, old] = [await paid(), await paid()];
    const { provider_payment_id: id } = old;
    const makeOld = (name: string, days: number): unknown =>
      (stripe.books.intents.find((one) => one.id === name).created -= days * 24 * 3_600);
    // So long a browser may still pay it.
    makeOld(payable.provider_payment_id, 29);
    makeOld(id, 31);
    const payment = await paid();
    const dispute = stripe.books.dispute(payment.provider_payment_id);
    stripe.books.refund({ payment_intent: payment.provider_payment_id, amount: '100' });
    stripe.books.refunds.unshift({ ...stripe.books.refunds[0], id: 're_of_a_charge', payment_intent: null });
    stripe.books.disputes.unshift({ ...stripe.books.disputes[0], id: 'du_of_a_charge', payment_intent: null });
    const since = new Date(Date.now() - 60_000);
    const all = async <T>(list: AsyncIterable<T>): Promise<T[]> => {
      const found: T[] = [];
      for await (const one of list) found.push(one);
      return found;
    };

    const payments = await all(gateway.payments(since, soon()));
    expect(payments).toContainEqual(payment);
    expect(payments).toContainEqual(payable);
    expect(payments.map((one) => one.provider_payment_id)).not.toContain(id);
    const refunds = await all(gateway.refunds(since, soon()));
    expect(refunds[0]).toMatchObject({
      refund_id: null,
      amount: 100,
      provider_payment_id: payment.provider_payment_id,
    });
    const disputes = await all(gateway.disputes(since, soon()));
    expect(disputes).toContainEqual(await gateway.fetchDispute(dispute.id, soon()));
    expect(disputes.map((one) => one.provider_dispute_id)).not.toContain('du_of_a_charge');
  });
});

describe('a dispute', () => {
  it.each<[status: string, moved: number[], expected: object]>([
    ['warning_needs_response', [], { closed: false, lost: false, funds: 'held' }],
    ['needs_response', [-4_200], { closed: false, lost: false, funds: 'withdrawn' }],
    ['won', [-4_200, 4_200], { closed: true, lost: false, funds: 'reinstated' }],
    ['lost', [-4_200], { closed: true, lost: true, funds: 'withdrawn' }],
    ['appeal_under_review', [4_200, -4_200], { closed: false, lost: false, funds: 'reinstated' }],
    ['something_new', [-4_200], { status: 'something_new', closed: false, lost: false }],
  ])('that is %s, with the movements %j', async (status, moved, expected) => {
    const payment = await paid();
    const dispute = stripe.books.dispute(payment.provider_payment_id);
    dispute.status = status;
    // In whichever order they come: the time counts.
    dispute.balance_transactions = moved.map((amount) => ({ amount, created: amount < 0 ? 1 : 2 }));

    expect(await gateway.fetchDispute(dispute.id, soon())).toMatchObject({
      provider_payment_id: payment.provider_payment_id,
      amount: 4_200,
      currency: 'EUR',
      reason: 'fraudulent',
      evidence_due_at: new Date(dispute.evidence_details.due_by * 1_000),
      ...expected,
    });
  });

  it('that is not there is refused', async () => {
    await expect(gateway.fetchDispute('du_nobody', soon())).rejects.toMatchObject({ code: 'not_found' });
    await expect(gateway.fetchRefund('re_nobody', soon())).rejects.toMatchObject({ code: 'not_found' });
  });
});
