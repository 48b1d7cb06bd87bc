import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PaymentSnapshot } from '../../src/payments/gateways/payment.gateway.js';
import { eventually } from '../support/eventually.js';
import { Signal } from '../support/signal.js';
import { anOrder, sending, soon, stripeGateway } from '../support/stripe/gateway.js';
import { StripeServer, type StripeFault } from '../support/stripe/server.js';

let stripe: StripeServer;
beforeEach(async () => (stripe = await StripeServer.start()));
afterEach(() => stripe.stop());

const CARD = { payment_method: 'pm_card_visa', return_url: null };

const started = async (gateway = stripeGateway(stripe)) => {
  const order = anOrder();
  const made = await gateway.create(order, sending(randomUUID()));
  const confirm = (key: string, within_ms?: number): Promise<PaymentSnapshot> =>
    gateway.confirm(made.provider_payment_id, CARD, sending(key, within_ms));
  return { gateway, order, id: made.provider_payment_id, confirm };
};

/** Every request of a kind, but for what a connection adds. */
const bytes = (): Set<string> =>
  new Set(
    stripe
      .asked('confirm')
      .map(({ path, body, headers }) => [path, body, headers['idempotency-key'], headers['stripe-version']].join(' ')),
  );

describe('F7: a Stripe that', () => {
  it.each<[what: string, fault: StripeFault, times: number, sent: number]>([
    ['breaks the connection before it has done anything', 'reset', 1, 2],
    ['breaks the connection after it has taken the money', 'reset_done', 1, 2],
    ['fails once', 'error', 1, 2],
    ['is not there for a moment', 'unavailable', 1, 2],
    ['has the key in use for a moment', 'in_use', 1, 2],
  ])('%s is asked once more, in the same bytes, and takes the money once', async (_, fault, times, sent) => {
    const { order, confirm } = await started();
    stripe.fail('confirm', fault, times);

    expect(await confirm('pay:1:confirm:1')).toMatchObject({ status: 'succeeded', amount_captured: 4_200 });
    expect(stripe.asked('confirm')).toHaveLength(sent);
    expect(bytes().size).toBe(1);
    expect(stripe.timesCharged(order.payment_id)).toBe(1);
  });

  it.each<[what: string, fault: StripeFault, times: number, code: string, charged: number]>([
    ['goes on breaking the connection', 'reset', 2, 'connection', 0],
    ['goes on breaking it after the money was taken', 'reset_done', 2, 'connection', 1],
    ['sends half an answer', 'half_done', 1, 'connection', 1],
    ['says that it failed, and has taken the money', 'error_done', 1, 'server_error', 1],
    ['goes on failing', 'unavailable', 2, 'server_error', 0],
    ['waits for somebody else, who failed', 'dependency', 1, 'server_error', 0],
    ['is too busy', 'too_many', 1, 'rate_limited', 0],
    ['goes on having the key in use', 'in_use', 2, 'key_in_use', 0],
    ['never answers', 'silence_done', 1, 'timeout', 1],
  ])('%s has said neither yes nor no', async (_, fault, times, code, charged) => {
    const { gateway, order, id, confirm } = await started();
    stripe.fail('confirm', fault, times);
    const within_ms = fault === 'silence_done' ? 2_000 : undefined;
    await expect(confirm('pay:1:confirm:1', within_ms)).rejects.toMatchObject({ name: 'ProviderUnknownError', code });
    expect(stripe.timesCharged(order.payment_id)).toBe(charged);

    // Asked how it stands, it tells the truth; asked once more under the same key, it takes no money twice.
    const status = charged ? 'succeeded' : 'requires_payment_method';
    expect(await gateway.fetch(id, soon())).toMatchObject({ status });
    const again = await confirm('pay:1:confirm:1').catch(() => null);
    expect(again?.status ?? 'no answer').toBe(fault === 'error_done' ? 'no answer' : 'succeeded');
    expect(bytes().size).toBe(1);
    expect(stripe.timesCharged(order.payment_id)).toBe(1);
  });

  it('says for ever that it failed is believed in nothing but how the payment stands', async () => {
    const { gateway, id, order, confirm } = await started();
    stripe.fail('confirm', 'error_done');
    for (let time = 0; time < 3; time++) await expect(confirm('same')).rejects.toMatchObject({ code: 'server_error' });

    expect(await gateway.fetch(id, soon())).toMatchObject({ status: 'succeeded' });
    expect(stripe.timesCharged(order.payment_id)).toBe(1);
  });

  it('has forgotten the key takes no money twice: the intent has ended', async () => {
    const { order, confirm } = await started();
    await confirm('same');
    stripe.forgetKeys();

    await expect(confirm('same')).rejects.toMatchObject({ name: 'ProviderRejectedError', code: 'unexpected_state' });
    expect(stripe.timesCharged(order.payment_id)).toBe(1);
  });

  it('is not asked any more once the time is over', async () => {
    const { confirm } = await started();
    stripe.fail('confirm', 'reset', 5);
    await expect(confirm('late', 100)).rejects.toMatchObject({ name: 'ProviderUnknownError' });
    const sent = stripe.asked('confirm').length;
    await sleep(900);

    expect(stripe.asked('confirm')).toHaveLength(sent);
  });

  it('is given no answer’s worth of time sends nothing on', async () => {
    const { gateway, id } = await started();
    const held = new Signal();
    stripe.before = () => held.given;
    await expect(gateway.fetch(id, soon(150))).rejects.toMatchObject({ code: 'timeout' });
    held.give();
  });
});

describe('a no', () => {
  it.each<[what: string, changes: object, code: string]>([
    ['too little', { amount: 10 }, 'amount_too_small'],
    ['more than eight digits', { amount: 100_000_000 }, 'amount_too_large'],
    ['a currency that it does not take', { currency: 'XTS' }, 'currency_unsupported'],
    ['what it cannot count', { currency: 'KWD', amount: 5_124 }, 'currency_unsupported'],
  ])('to %s has our word', async (_, changes, code) => {
    const gateway = stripeGateway(stripe);
    await expect(gateway.create(anOrder(changes), sending(randomUUID()))).rejects.toMatchObject({
      name: 'ProviderRejectedError',
      code,
    });
  });

  it('to a payment method has our word: one that nobody knows, and one that was used', async () => {
    const { gateway, id, confirm } = await started();
    const tryWith = (payment_method: string, to = id) =>
      gateway.confirm(to, { payment_method, return_url: null }, sending(randomUUID()));
    await expect(tryWith('pm_nobody')).rejects.toMatchObject({ code: 'payment_method_unknown' });
    const { payment_method } = await confirm('good');
    const other = await started(gateway);
    await expect(tryWith(payment_method!.id, other.id)).rejects.toMatchObject({ code: 'payment_method_unknown' });
  });

  it('to a key is said loudly, whoever refuses it', async () => {
    const wrong = stripeGateway(stripe, { settings: { STRIPE_API_KEY: 'sk_test_wrong' } });
    await expect(wrong.fetch('pi_1', soon())).rejects.toMatchObject({ name: 'ProviderForbiddenError' });
    const { gateway, id } = await started();
    stripe.fail('retrieve', 'forbidden');
    await expect(gateway.fetch(id, soon())).rejects.toMatchObject({ name: 'ProviderForbiddenError' });
  });

  it('to a key that was used for something else, or elsewhere, has our word', async () => {
    const { gateway, id } = await started();
    await gateway.create(anOrder(), sending('one'));
    const code = 'idempotency_key_reused';
    await expect(gateway.create(anOrder(), sending('one'))).rejects.toMatchObject({ code });
    await expect(gateway.cancel(id, { reason: 'abandoned' }, sending('one'))).rejects.toMatchObject({ code });
  });
});

describe('a card that is declined', () => {
  it('is how the payment stands; where Stripe does not send it along, it is asked for', async () => {
    const { gateway, id } = await started();
    const declined = { payment_method: 'pm_card_visa_chargeDeclinedInsufficientFunds', return_url: null };
    const snapshot = await gateway.confirm(id, declined, sending('one'));

    expect(snapshot).toMatchObject({
      status: 'requires_payment_method',
      amount_captured: 0,
      last_error: { code: 'card_declined', decline_code: 'insufficient_funds', message: 'Your card was declined.' },
      payment_method: { type: 'card', brand: 'visa', last4: '4242' },
    });
    expect(stripe.asked('retrieve')).toHaveLength(0);
    expect(await gateway.confirm(id, declined, sending('one'))).toEqual(snapshot);
    expect(await gateway.fetch(id, soon())).toEqual(snapshot);

    stripe.sendsAlong = false;
    const again = await gateway.confirm(id, declined, sending('two'));
    expect(again).toMatchObject({ status: 'requires_payment_method', last_error: snapshot.last_error });
    expect(again.attempt_id).not.toBe(snapshot.attempt_id);
  });

  it('while the payer was at the bank is the end of that very try', async () => {
    const { gateway, id } = await started();
    const waiting = await gateway.confirm(
      id,
      { payment_method: 'pm_card_threeDSecure2Required', return_url: null },
      sending('one'),
    );
    stripe.books.authenticate(id, 'fail');
    const ended = await gateway.fetch(id, soon());

    expect(ended).toMatchObject({
      status: 'requires_payment_method',
      last_error: { code: 'authentication_failed' },
      next_action: null,
      attempt_id: waiting.attempt_id,
    });
    expect(await gateway.confirm(id, CARD, sending('two'))).not.toMatchObject({ attempt_id: waiting.attempt_id });
  });

  it('has the name of the try from its beginning to its end', async () => {
    const { gateway, id } = await started();
    const method = { payment_method: 'pm_card_threeDSecure2Required', return_url: null };
    const waiting = await gateway.confirm(id, method, sending('one'));
    stripe.books.authenticate(id, 'success');

    expect(await gateway.fetch(id, soon())).toMatchObject({ status: 'succeeded', attempt_id: waiting.attempt_id });
  });
});

describe('while Stripe is away', () => {
  it('nobody asks for a while; then one does, and with its success all', async () => {
    const { gateway, id } = await started(stripeGateway(stripe, { timings: { provider_pause_ms: 2_000 } }));
    const fetch = () => gateway.fetch(id, soon());
    stripe.fail('retrieve', 'too_many', 10);
    for (let time = 0; time < 10; time++) await expect(fetch()).rejects.toMatchObject({ code: 'rate_limited' });

    await expect(fetch()).rejects.toMatchObject({ name: 'ProviderUnknownError', code: 'circuit_open' });
    expect(stripe.asked('retrieve')).toHaveLength(10);
    await eventually(fetch);
    await expect(Promise.all([fetch(), fetch()])).resolves.toHaveLength(2);
  });

  it('a definite no is no reason to stop asking', async () => {
    const gateway = stripeGateway(stripe);
    for (let time = 0; time < 15; time++) {
      await expect(gateway.fetch('pi_nowhere', soon())).rejects.toMatchObject({ code: 'not_found' });
    }
  });
});

it('no more than twenty ask at once; who waits too long for a turn has not been heard', async () => {
  const gateway = stripeGateway(stripe, { timings: { provider_wait_ms: 100 } });
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  stripe.before = () => held;
  const fetch = () => gateway.fetch('pi_nowhere', soon()).catch((error: { code: string }) => error.code);
  const early = Array.from({ length: 20 }, fetch);
  await eventually(() => stripe.asked('retrieve').length === 20);
  expect(await Promise.all(Array.from({ length: 5 }, fetch))).toEqual(Array(5).fill('overloaded'));
  expect(stripe.asked('retrieve')).toHaveLength(20);
  answer();

  expect(await Promise.all(early)).toEqual(Array(20).fill('not_found'));
});
