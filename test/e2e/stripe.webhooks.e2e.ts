import { randomUUID } from 'node:crypto';
import { uuidv7 } from '../../src/common/uuid.js';
import type { TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { paid, postings, quiescence, untilStatus } from '../support/payments.js';
import { bringEvent, startStripeApp } from '../support/stripe/app.js';
import { now_s } from '../support/stripe/shelves.js';
import { StripeServer } from '../support/stripe/server.js';
import { times } from '../support/visitors.js';

let stripe: StripeServer;
let app: TestApp;
let ada: Client;
beforeAll(async () => {
  stripe = await StripeServer.start();
  app = await startStripeApp(stripe);
  ada = await app.signUp();
});

const OLDER = `whsec_${randomUUID().replaceAll('-', '')}`;

interface Told {
  readonly type?: string;
  readonly object?: object;
  readonly envelope?: object;
}

const eventOf = ({ type = 'payment_intent.succeeded', object = {}, envelope = {} }: Told = {}): any => ({
  id: `evt_${randomUUID()}`,
  object: 'event',
  api_version: '2026-10-28.endive',
  created: now_s(),
  livemode: false,
  type,
  data: { object: { id: 'pi_nobody', object: 'payment_intent', metadata: { payment_id: uuidv7() }, ...object } },
  ...envelope,
});

const rowsOf = ({ id }: { id: string }): Promise<any[]> =>
  app.sql('SELECT * FROM webhook_events WHERE provider_event_id = $1', [id]);

describe('F11: POST /webhooks/stripe', () => {
  it.each<[string, () => object]>([
    ['another secret', () => ({ secret: OLDER })],
    ['301 seconds of age', () => ({ at: now_s() - 302 })],
    ['301 seconds of the future', () => ({ at: now_s() + 400 })],
    ['no signature', () => ({ signature: '' })],
    ['half a signature', () => ({ signature: `t=${now_s()}` })],
    ['a signature over other bytes', () => ({ signature: stripe.signature('{}') })],
  ])('refuses %s, and writes nothing down', async (_, brought) => {
    const event = eventOf();
    const answer = await bringEvent(app, stripe, event, brought());

    expect(answer).toMatchObject({ status: 400, body: { code: 'webhook_signature_invalid' } });
    expect(await rowsOf(event)).toEqual([]);
  });

  it('refuses the same JSON, written otherwise', async () => {
    const event = eventOf();
    const headers = { 'stripe-signature': stripe.signature(JSON.stringify(event)) };
    const answer = await app.send('POST', '/webhooks/stripe', { body: JSON.stringify(event, null, 2), headers });

    expect(answer.body.code).toBe('webhook_signature_invalid');
    expect(await rowsOf(event)).toEqual([]);
  });

  it('refuses the other mode: neither live with a test key, nor test with a live one', async () => {
    const live = eventOf({ envelope: { livemode: true } });
    expect(await bringEvent(app, stripe, live)).toMatchObject({
      status: 400,
      body: { code: 'webhook_signature_invalid' },
    });
    const settings = { STRIPE_API_KEY: stripe.key.replace('_test_', '_live_'), STRIPE_PUBLISHABLE_KEY: 'pk_live_1' };
    const inEarnest = await startStripeApp(stripe, { settings });
    const test = eventOf();
    expect((await bringEvent(inEarnest, stripe, test)).body.code).toBe('webhook_signature_invalid');
    expect((await bringEvent(inEarnest, stripe, eventOf({ envelope: { livemode: true } }))).status).toBe(200);
    await inEarnest.close();

    expect(await rowsOf(live)).toEqual([]);
    expect(await rowsOf(test)).toEqual([]);
  });

  it('knows both secrets while they are rotated, and the package’s own signatures', async () => {
    const settings = { STRIPE_WEBHOOK_SECRET: `${stripe.webhookSecret}, ${OLDER}` };
    const rotated = await startStripeApp(stripe, { settings });
    for (const secret of [stripe.webhookSecret, OLDER]) {
      expect((await bringEvent(rotated, stripe, eventOf(), { secret })).status).toBe(200);
    }
    const { default: Stripe } = await import('stripe');
    const event = eventOf();
    const signature = Stripe.webhooks.generateTestHeaderString({ payload: JSON.stringify(event), secret: OLDER });
    expect((await bringEvent(rotated, stripe, event, { signature })).status).toBe(200);
    await rotated.close();
  });

  it('takes nothing where no secret is set, and says so', async () => {
    const deaf = await startStripeApp(stripe, { settings: { STRIPE_WEBHOOK_SECRET: '' } });
    expect((await bringEvent(deaf, stripe, eventOf())).status).toBe(400);
    expect((await bringEvent(deaf, stripe, eventOf(), { secret: '' })).status).toBe(400);
    await deaf.close();
  });

  it('takes no more than 256 KiB', async () => {
    const body = { padding: 'x'.repeat(256 * 1024) };
    expect((await app.send('POST', '/webhooks/stripe', { body })).body.code).toBe('body_too_large');
  });
});

describe('what Stripe tells', () => {
  it.each<[what: string, told: Told, expected: object]>([
    ['of a payment', {}, { type: 'payment_intent.succeeded', object_id: 'pi_nobody' }],
    [
      'of a refund that somebody made at the dashboard',
      { type: 'refund.created', object: { id: 're_1', object: 'refund', metadata: null } },
      { type: 'refund.created', object_id: 're_1' },
    ],
    [
      'of a refund, in the older way',
      { type: 'charge.refund.updated', object: { id: 're_2', object: 'refund', metadata: {} } },
      { object_id: 're_2' },
    ],
    [
      'of a dispute',
      { type: 'charge.dispute.funds_withdrawn', object: { id: 'du_1', object: 'dispute', metadata: {} } },
      { object_id: 'du_1' },
    ],
    [
      'in an older version, of another account',
      { envelope: { api_version: '2018-02-28', account: 'acct_1', pending_webhooks: 2, request: null } },
      { object_id: 'pi_nobody', livemode: false },
    ],
    ['in a type that is new', { type: 'payment_intent.blessed' }, { type: 'payment_intent.blessed' }],
  ])('%s is written down, and no more than what it is about', async (_, told, expected) => {
    const event = eventOf(told);
    expect(await bringEvent(app, stripe, event)).toMatchObject({ status: 200, body: { received: true } });
    expect(await rowsOf(event)).toMatchObject([{ provider: 'stripe', provider_event_id: event.id, ...expected }]);
  });

  it.each<[what: string, told: Told]>([
    ['of a charge, which its intent tells too', { type: 'charge.succeeded', object: { id: 'ch_1', object: 'charge' } }],
    ['of a charge that was refunded', { type: 'charge.refunded', object: { id: 'ch_1', object: 'charge' } }],
    ['of a customer', { type: 'customer.created', object: { id: 'cus_1', object: 'customer' } }],
    ['of an intent that somebody else has made', { object: { metadata: { order: '1' } } }],
    ['of nothing', { envelope: { data: {} } }],
    ['of nothing at all', { envelope: { data: null } }],
    ['of what is no object', { envelope: { data: { object: null } } }],
  ])('%s is received, and forgotten', async (_, told) => {
    const event = eventOf(told);
    expect(await bringEvent(app, stripe, event)).toMatchObject({ status: 200, body: { received: true } });
    expect(await rowsOf(event)).toEqual([]);
  });

  it.each(['null', '7', '[]'])('and is %s, is refused, since it is of no mode', async (body) => {
    const headers = { 'stripe-signature': stripe.signature(body) };
    expect((await app.send('POST', '/webhooks/stripe', { body, headers })).status).toBe(400);
  });

  it('a hundred times is told once (F10)', async () => {
    const payment = await paid(ada, { payment_method: 'pm_card_visa' });
    const object = {
      id: payment.provider_payment_id,
      metadata: { payment_id: payment.id, tenant_id: payment.tenant_id },
    };
    const event = eventOf({ object });
    const answers = await times(100, () => bringEvent(app, stripe, event));

    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(['200 {"received":true}']));
    expect(await rowsOf(event)).toMatchObject([{ deliveries: 100 }]);
    await eventually(async () => (await rowsOf(event))[0].status === 'processed');
    expect(await postings(app, payment.id)).toBe(1);
  });

  it('is believed in nothing: Stripe is asked', async () => {
    const payment = await paid(ada, { payment_method: 'pm_card_threeDSecure2Required' });
    const object = { id: payment.provider_payment_id, status: 'succeeded', metadata: { payment_id: payment.id } };
    await bringEvent(app, stripe, eventOf({ object }));
    await eventually(
      async () => (await app.sql(`SELECT 1 FROM webhook_events WHERE status = 'received'`)).length === 0,
    );
    expect((await untilStatus(ada, payment.id, 'requires_action')).status).toBe('requires_action');
  });

  it('in any order has the same end', async () => {
    for (const order of ['as it was', 'the end first'] as const) {
      const payment = await paid(ada, { payment_method: 'pm_card_threeDSecure2Required' });
      stripe.books.authenticate(payment.provider_payment_id, 'success');
      const events = stripe.events.splice(0);
      for (const event of order === 'as it was' ? events : events.toReversed()) await bringEvent(app, stripe, event);
      expect((await untilStatus(ada, payment.id, 'succeeded')).amount_captured).toBe(4_200);
    }
    await quiescence(app);
  });
});
