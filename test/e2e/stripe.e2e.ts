import type { TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { leaksIn } from '../support/leaks.js';
import { act, brokenInvariants, pay, postings, quiescence, untilStatus, withKey } from '../support/payments.js';
import { redisContents } from '../support/redis-contents.js';
import { bringAll, startStripeApp } from '../support/stripe/app.js';
import { StripeServer } from '../support/stripe/server.js';

jest.setTimeout(120_000);

const VISA = 'pm_card_visa';
const DECLINED = 'pm_card_visa_chargeDeclined';
const AUTHENTICATE = 'pm_card_threeDSecure2Required';

let stripe: StripeServer;
let app: TestApp;
let ada: Client;
let admin: Client;
beforeAll(async () => {
  stripe = await StripeServer.start();
  // On a machine that is busy nobody takes a payment over whose request is under way.
  app = await startStripeApp(stripe, { timings: { payment_answer_ms: 12_000, payment_lease_ms: 12_000 } });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
});
beforeEach(() => {
  stripe.requests.length = 0;
  stripe.heal();
});

const buy = (changes: object = {}, key?: string): Promise<Answer> =>
  pay(ada, { payment_method: VISA, ...changes }, key);
/** How each try ended, the oldest first. */
const tries = async ({ id }: { id: string }): Promise<string[]> => {
  const { data } = (await ada.get(`/payments/${id}/timeline`)).body;
  return data.filter(({ type }: any) => type === 'attempt').map(({ status }: any) => status);
};

describe('with Stripe in force', () => {
  it('a payment is an intent, made and then confirmed, and posted once', async () => {
    const { status, body } = await buy({ reference: 'order-1' });

    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: 'succeeded',
      amount: 4_200,
      amount_captured: 4_200,
      currency: 'EUR',
      provider: 'stripe',
      provider_payment_id: expect.stringMatching(/^pi_/),
      livemode: false,
      payment_method: { type: 'card', brand: 'visa', last4: '4242' },
    });
    expect(stripe.requests.map(({ operation, headers }) => [operation, headers['idempotency-key']].join(' '))).toEqual([
      `create pay:${body.id}:create:1`,
      `confirm pay:${body.id}:confirm:1`,
    ]);
    expect(stripe.timesCharged(body.id)).toBe(1);
    expect(await postings(app, body.id)).toBe(1);
  });

  it('the set-up says so, and there is no simulator', async () => {
    expect((await ada.get('/payments/config')).body).toEqual({
      provider: 'stripe',
      publishable_key: 'pk_test_1',
      limits: { max_amount: 999_999_999_999 },
    });
    expect((await ada.get('/simulator/payment-methods')).body.code).toBe('not_found');
    expect((await app.send('POST', '/webhooks/simulator', { body: {} })).status).toBe(404);
  });

  it('a decline is 402, and another method is another try', async () => {
    const { status, body } = await buy({ payment_method: DECLINED });
    expect({ status, code: body.code, decline_code: body.decline_code }).toEqual({
      status: 402,
      code: 'card_declined',
      decline_code: 'generic_decline',
    });
    const again = await act(ada, body.payment_id, 'confirm', { payment_method: VISA });
    expect(again.body).toMatchObject({ status: 'succeeded', last_error: null });

    expect(await tries(again.body)).toEqual(['declined', 'succeeded']);
    expect(stripe.timesCharged(body.payment_id)).toBe(1);
  });

  it.each<[string, object, number, object]>([
    ['too little', { currency: 'XOF', amount: 3 }, 422, { code: 'amount_too_small' }],
    ['too much for it', { amount: 100_000_000 }, 422, { code: 'amount_too_large' }],
    ['a method that nobody knows', { payment_method: 'pm_nobody' }, 422, { code: 'validation_failed' }],
  ])('what Stripe refuses is refused: %s', async (_, changes, status, body) => {
    expect(await buy(changes)).toMatchObject({ status, body });
  });

  it('what is held is captured in part, or let go', async () => {
    const { body: held } = await buy({ capture_method: 'manual' });
    expect(held).toMatchObject({ status: 'requires_capture', amount_authorized: 4_200 });
    expect((await act(admin, held.id, 'capture', { amount: 4_000 })).body).toMatchObject({
      status: 'succeeded',
      amount_captured: 4_000,
    });
    const { body: other } = await buy({ capture_method: 'manual' });
    const canceled = await act(ada, other.id, 'cancel', { reason: 'duplicate' });
    expect(canceled.body).toMatchObject({ status: 'canceled', amount_captured: 0 });
  });

  it('a bank that takes days is waited for', async () => {
    const { body } = await buy({ payment_method: 'pm_usBankAccount_success' });
    expect(body.status).toBe('processing');
    stripe.books.settle(body.provider_payment_id);
    await bringAll(app, stripe);

    await untilStatus(ada, body.id, 'succeeded');
    expect(await postings(app, body.id)).toBe(1);
  });
});

describe('a payer who has to go to the bank', () => {
  const waiting = async (changes: object = {}): Promise<any> =>
    (await buy({ payment_method: AUTHENTICATE, return_url: 'https://shop.example.com/thanks', ...changes })).body;

  it('is sent there, and a webhook tells how it went', async () => {
    const payment = await waiting();
    expect(payment).toMatchObject({
      status: 'requires_action',
      next_action: { type: 'redirect', url: expect.stringMatching(/^https:\/\/hooks\.stripe\.com\//) },
    });
    expect(stripe.asked('confirm')[0]!.form['return_url']).toBe('https://shop.example.com/thanks');
    stripe.books.authenticate(payment.provider_payment_id, 'success');
    await bringAll(app, stripe);
    await untilStatus(ada, payment.id, 'succeeded');

    expect(await tries(payment)).toEqual(['succeeded']);
    expect(await postings(app, payment.id)).toBe(1);
  });

  it('and fails may try again, with the same method too, each try by itself', async () => {
    const payment = await waiting();
    const { payment_method: method } = payment;
    for (let time = 0; time < 2; time++) {
      stripe.books.authenticate(payment.provider_payment_id, 'fail');
      await bringAll(app, stripe);
      const refused = await untilStatus(ada, payment.id, 'requires_payment_method');
      expect(refused.last_error).toMatchObject({ code: 'authentication_failed' });
      const again = await act(ada, payment.id, 'confirm', { payment_method: method.id });
      expect(again.body).toMatchObject({ status: 'requires_action', next_action: { type: 'redirect' } });
    }
    stripe.books.authenticate(payment.provider_payment_id, 'success');
    await bringAll(app, stripe);
    await untilStatus(ada, payment.id, 'succeeded');

    expect(await tries(payment)).toEqual(['declined', 'declined', 'succeeded']);
    expect(stripe.timesCharged(payment.id)).toBe(1);
  });

  it('is found there even if no webhook ever comes', async () => {
    const payment = await waiting();
    stripe.books.authenticate(payment.provider_payment_id, 'success');
    stripe.events.length = 0;

    await untilStatus(ada, payment.id, 'succeeded');
  });
});

describe('a browser with Stripe’s script', () => {
  it('confirms by itself with the secret, and the payment follows', async () => {
    const { body } = await ada.post('/payments', { amount: 4_200, currency: 'EUR', confirm: false }, withKey());
    expect(body.status).toBe('requires_confirmation');
    const { client_secret } = (await ada.get(`/payments/${body.id}/client-secret`)).body;
    expect(client_secret).toMatch(new RegExp(`^${body.provider_payment_id}_secret_`));
    // What the script does, at Stripe's.
    const return_url = 'https://shop.example.com';
    expect(() => stripe.books.confirm(body.provider_payment_id, { payment_method: DECLINED, return_url })).toThrow();
    stripe.books.confirm(body.provider_payment_id, { payment_method: VISA, return_url });
    await bringAll(app, stripe);
    const paid = await untilStatus(ada, body.id, 'succeeded');

    expect(paid).toMatchObject({ amount_captured: 4_200, payment_method: { last4: '4242' } });
    expect(await postings(app, body.id)).toBe(1);
  });
});

it('F16: no key, no secret of webhooks and no client secret is in a log, a table or a job', async () => {
  const { body } = await buy({ payment_method: AUTHENTICATE });
  const { client_secret } = (await ada.get(`/payments/${body.id}/client-secret`)).body;
  await bringAll(app, stripe);
  const wrong = await startStripeApp(stripe, { settings: { STRIPE_API_KEY: `${stripe.key}wrong` } });
  await pay(await wrong.logIn(ada), { payment_method: VISA });
  await wrong.close();
  await eventually(async () => (await app.sql(`SELECT 1 FROM webhook_events WHERE status = 'received'`)).length === 0);
  const secrets = {
    key: stripe.key,
    'webhook secret': stripe.webhookSecret,
    'client secret': client_secret,
    'half of it': client_secret.split('_secret_')[1],
    'a client secret': stripe.books.intents.at(-1).client_secret,
  };
  const tables = await app.sql<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
  );
  for (const { name } of tables) {
    const rows = await app.sql<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
    expect(leaksIn(rows.map(({ row }) => row).join('\n'), secrets)).toEqual([]);
  }
  expect(leaksIn((await redisContents(app)).join('\n'), secrets)).toEqual([]);
  expect(leaksIn([...app.logs, ...wrong.logs].join('\n'), secrets)).toEqual([]);
  expect(body.next_action.url).toContain(client_secret);
});

it('after all of it the books are in order', async () => {
  await app.sql(`UPDATE payments SET next_reconcile_at = now() WHERE status = 'processing' AND NOT needs_review`);
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
});
