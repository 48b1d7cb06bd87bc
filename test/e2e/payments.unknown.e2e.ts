import { randomUUID } from 'node:crypto';
import { PaymentGateway, type Sending } from '../../src/payments/gateways/payment.gateway.js';
import { Reconciler } from '../../src/payments/recovery/reconciler.js';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import {
  act,
  brokenInvariants,
  paid,
  paymentOf,
  postings,
  timesCharged,
  UNHURRIED_PAYMENTS,
} from '../support/payments.js';

jest.setTimeout(120_000);

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
let gateway: PaymentGateway;
beforeAll(async () => {
  // Nobody looks, nobody tells and the bank comes to no end but when a test says so.
  const silent = { reconcile_poll_ms: 3_600_000, simulator_poll_ms: 3_600_000, simulator_delay_ms: 600_000 };
  app = await startApp({ timings: { ...UNHURRIED_PAYMENTS, ...silent } });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
  platform = await app.admin();
  gateway = app.app.get(PaymentGateway, { strict: false });
});
afterEach(async () => succeed(await platform.post('/simulator/reset')));

/** As somebody does who asks the provider without us: a browser, or a person at its pages. */
const elsewhere = (): Sending => ({ idempotency_key: randomUUID(), signal: AbortSignal.timeout(30_000) });

/** Has the next words of a kind go wrong. */
const fail = async (operation: string, fault: string, next_n: number): Promise<unknown> =>
  succeed(await platform.post('/simulator/faults', { operation, fault, next_n }));

describe('a confirmation that comes while the payer’s browser has the payment confirmed', () => {
  /** The money is on its way, and nobody has told us. */
  const taken = async (): Promise<string> => {
    const { id, provider_payment_id } = await paid(ada, { confirm: false });
    const request = { payment_method: 'pm_sim_processing_succeeds', return_url: null };
    expect((await gateway.confirm(provider_payment_id, request, elsewhere())).status).toBe('processing');
    return id;
  };

  it.each([
    ['says that it is at it', 0],
    ['does not say how it stands', 1],
  ])('is told that it is under way, where the provider %s, and never that it was declined', async (_, faults) => {
    const id = await taken();
    if (faults > 0) await fail('fetch', 'server_error', faults);
    const { status, body } = await act(ada, id, 'confirm', { payment_method: 'pm_sim_success' });
    expect({ status, payment: body.status }).toEqual({ status: 200, payment: 'processing' });

    await app.sql('UPDATE simulator.charges SET settles_at = now() WHERE payment_id = $1', [id]);
    // Long before the request's lease would be over.
    await eventually(
      async () => {
        await app.app.get(Reconciler, { strict: false }).round(new AbortController().signal);
        if ((await paymentOf(ada, id)).status !== 'succeeded') throw new Error('Not yet');
      },
      { within: 30_000 },
    );
    expect(await timesCharged(app, id)).toBe(1);
    expect(await postings(app, id)).toBe(1);
  });
});

describe('a capture or a cancellation', () => {
  const held = (): Promise<any> => paid(ada, { capture_method: 'manual' });
  const asker = (action: string): Client => (action === 'capture' ? admin : ada);

  it.each([
    ['capture', { status: 'succeeded', amount_captured: 4_200 }],
    ['cancel', { status: 'canceled', amount_captured: 0 }],
  ])(
    'that was done is answered so, though the provider says each time that it failed: %s',
    async (action, expected) => {
      const { id } = await held();
      await fail(action, 'error_but_done', 10);
      const key = randomUUID();
      const first = await act(asker(action), id, action, {}, key);
      const second = await act(asker(action), id, action, {}, key);

      expect(first).toMatchObject({ status: 200, body: expected });
      expect({ status: second.status, text: second.text }).toEqual({ status: 200, text: first.text });
      const done = await app.sql('SELECT state FROM provider_operations WHERE payment_id = $1 AND operation = $2', [
        id,
        action,
      ]);
      expect(done).toEqual([{ state: 'succeeded' }]);
    },
  );

  it('of which nobody could say whether it was done is 503, and the same key finds that it was', async () => {
    const { id } = await held();
    await fail('capture', 'error_but_done', 10);
    await fail('fetch', 'server_error', 1);
    const key = randomUUID();
    expect(await act(admin, id, 'capture', {}, key)).toMatchObject({
      status: 503,
      body: { code: 'provider_unavailable' },
    });

    expect(await act(admin, id, 'capture', {}, key)).toMatchObject({ status: 200, body: { status: 'succeeded' } });
    expect(await timesCharged(app, id)).toBe(1);
  });

  it('that cannot be done any more is 409, though the provider has not answered it', async () => {
    const [captured, canceled] = [await held(), await held()];
    await gateway.capture(captured.provider_payment_id, { amount: 1_000 }, elsewhere());
    await gateway.cancel(canceled.provider_payment_id, { reason: 'abandoned' }, elsewhere());
    await fail('capture', 'server_error', 4);

    for (const [{ id }, current_status] of [
      [captured, 'succeeded'],
      [canceled, 'canceled'],
    ] as const) {
      expect((await act(admin, id, 'capture')).body).toMatchObject({
        status: 409,
        code: 'payment_state_conflict',
        current_status,
      });
    }
  });
});

it('after all of it the books are in order', async () => {
  expect(await brokenInvariants(app)).toEqual([]);
});
