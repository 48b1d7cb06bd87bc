import { randomUUID } from 'node:crypto';
import { PaymentGateway, type Sending } from '../../src/payments/gateways/payment.gateway.js';
import { Completer } from '../../src/payments/recovery/completer.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { act, brokenInvariants, paid, pay, UNHURRIED_PAYMENTS } from '../support/payments.js';
import { startStripeApp } from '../support/stripe/app.js';
import { StripeServer } from '../support/stripe/server.js';

jest.setTimeout(120_000);

// Nobody looks and nobody tells but when a test says so.
const SILENT = { ...UNHURRIED_PAYMENTS, reconcile_poll_ms: 3_600_000, simulator_poll_ms: 3_600_000 };

let app: TestApp;
let ada: Client;
let admin: Client;
/** With the provider that looks at an order before it is to be paid. */
let strictly: Client;
beforeAll(async () => {
  const stripe = await StripeServer.start();
  const other = await startStripeApp(stripe, { timings: SILENT });
  app = await startApp({ timings: SILENT });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
  strictly = await other.logIn(ada);
});

/** A payment of which the provider hears from somebody else, before we do. */
async function overtaken(
  by: (gateway: PaymentGateway, id: string, sending: Sending) => Promise<unknown>,
): Promise<string> {
  const { id, provider_payment_id } = await paid(ada, { capture_method: 'manual' });
  const sending = { idempotency_key: randomUUID(), signal: AbortSignal.timeout(30_000) };
  await by(app.app.get(PaymentGateway, { strict: false }), provider_payment_id, sending);
  return id;
}

/** What the provider refuses: the request, as often as it is sent. */
const REFUSED: readonly [what: string, prepare: () => Promise<(key: string) => Promise<Answer>>, expected: object][] = [
  [
    'a payment by a method that it does not know',
    async () => (key) => pay(ada, { payment_method: 'pm_nobody' }, key),
    { status: 422, code: 'validation_failed', errors: [{ pointer: '#/payment_method', code: 'unknown' }] },
  ],
  [
    'a confirmation by such a method',
    async () => {
      const { id } = await paid(ada, { confirm: false });
      return (key) => act(ada, id, 'confirm', { payment_method: 'pm_nobody' }, key);
    },
    { status: 422, code: 'validation_failed', errors: [{ pointer: '#/payment_method', code: 'unknown' }] },
  ],
  [
    'a payment of too little',
    async () => (key) => pay(strictly, { payment_method: 'pm_card_visa', currency: 'XOF', amount: 3 }, key),
    { status: 422, code: 'amount_too_small' },
  ],
  [
    'a capture that comes after a cancellation',
    async () => {
      const id = await overtaken((gateway, its, sending) => gateway.cancel(its, { reason: 'abandoned' }, sending));
      return (key) => act(admin, id, 'capture', {}, key);
    },
    { status: 409, code: 'payment_state_conflict', current_status: 'canceled' },
  ],
  [
    'a cancellation that comes after a capture',
    async () => {
      const id = await overtaken((gateway, its, sending) => gateway.capture(its, { amount: 4_200 }, sending));
      return (key) => act(ada, id, 'cancel', {}, key);
    },
    { status: 409, code: 'payment_state_conflict', current_status: 'succeeded' },
  ],
];

/** As if the process had died before it kept its answer, and nobody waited for it any more. */
async function unanswer(key: string): Promise<void> {
  const rows = await app.sql(
    `UPDATE idempotency_keys SET recovery_point = 'provider_asked', finished_at = NULL, response_status = NULL,
       response_headers = NULL, response_body = NULL, key_id = NULL, locked_until = now() - interval '1 second',
       last_run_at = now() - interval '1 hour'
     WHERE key = $1 AND finished_at IS NOT NULL RETURNING id`,
    [key],
  );
  expect(rows).toHaveLength(1);
}

/** An answer without what each has of its own. */
const essence = ({ status, body }: Answer): object => ({ status, body: { ...body, request_id: null } });

describe.each(REFUSED)('what the provider refuses: %s', (_, prepare, expected) => {
  it('is told to whoever asks again after a crash as it would have been told at first', async () => {
    const [ask, key] = [await prepare(), randomUUID()];
    const first = await ask(key);
    expect(first.body).toMatchObject(expected);
    await unanswer(key);

    expect(essence(await ask(key))).toEqual(essence(first));
  });

  it('is the answer too where nobody has come back for so long that it was given in absence', async () => {
    const [ask, key] = [await prepare(), randomUUID()];
    const first = await ask(key);
    expect(first.body).toMatchObject(expected);
    await unanswer(key);
    await app.app.get(Completer, { strict: false }).round();
    const late = await ask(key);

    expect(late.headers.get('idempotent-replayed')).toBe('true');
    expect(essence(late)).toEqual(essence(first));
  });
});

it('after all of it the books are in order', async () => {
  expect(await brokenInvariants(app)).toEqual([]);
});
