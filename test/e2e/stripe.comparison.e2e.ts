import { randomUUID } from 'node:crypto';
import type { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { events, paid, paymentOf, refunded, untilDispute, untilRefund, withKey } from '../support/payments.js';
import { compareIn, itemsOf } from '../support/reconciliation.js';
import { bringAll, startStripeApp } from '../support/stripe/app.js';
import { StripeServer } from '../support/stripe/server.js';
import { newId, now_s } from '../support/stripe/shelves.js';

jest.setTimeout(120_000);

let stripe: StripeServer;
let app: TestApp;
let ada: Client;
let admin: Client;
beforeAll(async () => {
  stripe = await StripeServer.start();
  // Stripe is asked when a test asks: no payment's turn comes in between.
  app = await startStripeApp(stripe, { timings: { reconcile_poll_ms: 3_600_000 } });
  [ada, admin] = [await app.signUp(), await app.tenantAdmin()];
});

const VISA = { payment_method: 'pm_card_visa' };

/** Whatever has happened at Stripe, no webhook of it comes. */
const loseWebhooks = (): unknown => stripe.events.splice(0);

describe('what has changed at Stripe, and whose webhook was lost, is found by a night', () => {
  it('that comes ten days after the dispute was opened', async () => {
    const { id, provider_payment_id } = await paid(ada, VISA);
    const dispute = stripe.books.dispute(provider_payment_id);
    dispute.balance_transactions.push({ amount: -4_200, created: now_s() });
    await bringAll(app, stripe);
    await untilDispute(admin, id, { status: 'needs_response', funds: 'withdrawn' });
    dispute.status = 'lost';
    await compareIn(app, 10);

    await untilDispute(admin, id, { status: 'lost', funds: 'withdrawn' });
    expect(await app.sql('SELECT closed, lost FROM disputes WHERE payment_id = $1', [id])).toEqual([
      { closed: true, lost: true },
    ]);
    expect((await events(app, id)).at(-1)).toBe('dispute_lost');
    expect(await itemsOf(admin, id)).toEqual([]);
  });

  it('that comes ten days after the refund succeeded', async () => {
    const { id } = await paid(ada, VISA);
    const { id: refund_id } = await refunded(admin, id, { amount: 700 });
    loseWebhooks();
    const [refund] = stripe.books.refunds;
    Object.assign(refund, { status: 'failed', failure_reason: 'lost_or_stolen_card' });
    await compareIn(app, 10);

    await untilRefund(admin, refund_id, 'failed');
    expect(await paymentOf(ada, id)).toMatchObject({ amount_refunded: 0 });
    expect((await events(app, id)).at(-1)).toBe('refund_returned');
  });

  it('that comes five days after the payment was made, and a browser has paid it since', async () => {
    const { body } = await ada.post('/payments', { amount: 4_200, currency: 'EUR', confirm: false }, withKey());
    expect(body.status).toBe('requires_confirmation');
    stripe.books.confirm(body.provider_payment_id, { ...VISA, return_url: 'https://shop.example.com' });
    loseWebhooks();
    await compareIn(app, 5);

    expect(await paymentOf(ada, body.id)).toMatchObject({ status: 'succeeded', amount_captured: 4_200 });
    expect(await events(app, body.id)).toEqual(['captured']);
  });
});

it('what agrees, and what is somebody else’s in the same account, is not asked for by itself', async () => {
  const { id } = await paid(ada, VISA);
  await refunded(admin, id, { amount: 700 });
  loseWebhooks();
  const [ours] = stripe.books.refunds;
  stripe.books.refunds.unshift({ ...ours, id: newId('re'), payment_intent: newId('pi'), metadata: {} });
  stripe.books.refunds.unshift({
    ...ours,
    id: newId('re'),
    payment_intent: newId('pi'),
    metadata: { order: randomUUID() },
  });
  stripe.requests.length = 0;
  await compareIn(app, 10);

  expect(stripe.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /v1/payment_intents',
    'GET /v1/refunds',
    'GET /v1/disputes',
  ]);
});
