import { randomUUID } from 'node:crypto';
import {
  ProviderRejectedError,
  ProviderUnknownError,
  type PaymentGateway,
  type PaymentSnapshot,
  type Sending,
} from '../../src/payments/gateways/payment.gateway.js';
import { uuidv7 } from '../../src/common/uuid.js';
import type { RefundRequest, RefundSnapshot } from '../../src/payments/gateways/refund-snapshot.js';

/** What an adapter's suite brings: the gateway, and the provider's names for what the contract is about. */
export interface GatewayUnderTest {
  readonly gateway: () => PaymentGateway;
  readonly methods: Readonly<Record<'success' | 'declined' | 'authenticate' | 'slowRefund', string>>;
  /** Has the next request of the kind be done, and its answer be lost. */
  readonly loseNextAnswer: (operation: 'confirm' | 'refund') => Promise<void>;
  /** Has a payment be disputed. @returns the provider's id of the dispute. */
  readonly dispute: (pay: (payment_method: string) => Promise<PaymentSnapshot>) => Promise<string>;
}

const sending = (idempotency_key: string = randomUUID()): Sending => ({
  idempotency_key,
  signal: AbortSignal.timeout(10_000),
});

async function all<T>(some: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of some) found.push(one);
  return found;
}

/** What every gateway promises, whoever is behind it. */
export function paymentGatewayContract({ gateway, methods, loseNextAnswer, dispute }: GatewayUnderTest): void {
  const order = (changes: object = {}) => ({
    payment_id: uuidv7(),
    tenant_id: uuidv7(),
    amount: 4_200,
    currency: 'EUR',
    capture_method: 'automatic' as const,
    ...changes,
  });
  const create = (changes: object = {}): Promise<PaymentSnapshot> => gateway().create(order(changes), sending());
  const confirm = ({ provider_payment_id }: PaymentSnapshot, payment_method: string, key?: string) =>
    gateway().confirm(provider_payment_id, { payment_method, return_url: null }, sending(key));
  const fetch = ({ provider_payment_id }: PaymentSnapshot) =>
    gateway().fetch(provider_payment_id, AbortSignal.timeout(10_000));

  it('makes an object that takes no money, and knows whose it is', async () => {
    const wanted = order();
    const made = await gateway().create(wanted, sending());

    expect(made).toMatchObject({
      payment_id: wanted.payment_id,
      amount: 4_200,
      currency: 'EUR',
      livemode: gateway().config.livemode,
      amount_captured: 0,
      attempt_id: null,
    });
    expect(['requires_confirmation', 'requires_payment_method']).toContain(made.status);
    expect(await gateway().findByPayment(wanted.payment_id, AbortSignal.timeout(10_000))).toMatchObject({
      provider_payment_id: made.provider_payment_id,
    });
    expect(await gateway().findByPayment(uuidv7(), AbortSignal.timeout(10_000))).toBeNull();
  });

  it('makes one object under one key, however often it is asked', async () => {
    const [wanted, key] = [order(), randomUUID()];
    const made = await Promise.all([1, 2, 3].map(() => gateway().create(wanted, sending(key))));

    expect(new Set(made.map(({ provider_payment_id }) => provider_payment_id)).size).toBe(1);
  });

  it('refuses a key that was used for something else', async () => {
    const key = randomUUID();
    await gateway().create(order(), sending(key));

    await expect(gateway().create(order(), sending(key))).rejects.toBeInstanceOf(ProviderRejectedError);
  });

  it('takes the money, and names the try', async () => {
    const made = await create();
    const paid = await confirm(made, methods.success);

    expect(paid).toMatchObject({ status: 'succeeded', amount_captured: 4_200, last_error: null });
    expect(paid.attempt_id).not.toBeNull();
    expect(await fetch(made)).toEqual(paid);
  });

  it('counts as we do, in currencies that it counts otherwise', async () => {
    for (const [currency, amount] of [
      ['ISK', 500],
      ['JPY', 500],
      ['KWD', 5_120],
      ['MGA', 50_000],
    ] as const) {
      const made = await create({ currency, amount });
      expect(await confirm(made, methods.success)).toMatchObject({ amount, amount_captured: amount, currency });
    }
  });

  it('answers a declined card as how the payment stands, each try by its own name', async () => {
    const made = await create();
    const first = await confirm(made, methods.declined);
    expect(first).toMatchObject({ status: 'requires_payment_method', last_error: { code: 'card_declined' } });
    const second = await confirm(made, methods.success);

    expect(second).toMatchObject({ status: 'succeeded', last_error: null });
    expect(second.attempt_id).not.toBe(first.attempt_id);
  });

  it('sends the payer to a page', async () => {
    const waiting = await confirm(await create(), methods.authenticate);

    expect(waiting).toMatchObject({ status: 'requires_action', next_action: { type: 'redirect' } });
    expect(URL.canParse(waiting.next_action!.url)).toBe(true);
  });

  it('keeps what is authorized until it is captured, in part, once', async () => {
    const made = await create({ capture_method: 'manual' });
    const held = await confirm(made, methods.success);
    expect(held).toMatchObject({ status: 'requires_capture', amount_captured: 0 });
    expect(held.capture_before?.getTime()).toBeGreaterThan(Date.now());
    const id = made.provider_payment_id;

    expect(await gateway().capture(id, { amount: 4_000 }, sending())).toMatchObject({
      status: 'succeeded',
      amount: 4_200,
      amount_captured: 4_000,
    });
    await expect(gateway().capture(id, { amount: 100 }, sending())).rejects.toBeInstanceOf(ProviderRejectedError);
    await expect(gateway().cancel(id, { reason: 'abandoned' }, sending())).rejects.toBeInstanceOf(
      ProviderRejectedError,
    );
  });

  it('ends what has taken no money', async () => {
    const made = await create();
    const canceled = await gateway().cancel(made.provider_payment_id, { reason: 'abandoned' }, sending());

    expect(canceled).toMatchObject({ status: 'canceled', amount_captured: 0 });
    await expect(confirm(made, methods.success)).rejects.toBeInstanceOf(ProviderRejectedError);
  });

  it('refuses what it does not know', async () => {
    const nowhere = { provider_payment_id: 'pi_nowhere' } as PaymentSnapshot;

    await expect(fetch(nowhere)).rejects.toBeInstanceOf(ProviderRejectedError);
    await expect(confirm(nowhere, methods.success)).rejects.toBeInstanceOf(ProviderRejectedError);
    await expect(confirm(await create(), 'pm_nobody')).rejects.toBeInstanceOf(ProviderRejectedError);
  });

  it('does not take a lost answer for a no, and tells the truth when it is asked again', async () => {
    const [made, key] = [await create(), randomUUID()];
    await loseNextAnswer('confirm');
    await expect(confirm(made, methods.success, key)).rejects.toBeInstanceOf(ProviderUnknownError);

    expect(await fetch(made)).toMatchObject({ status: 'succeeded' });
    expect(await confirm(made, methods.success, key)).toMatchObject({ status: 'succeeded', amount_captured: 4_200 });
  });

  const pay = async (payment_method: string, changes: object = {}): Promise<PaymentSnapshot> =>
    confirm(await create(changes), payment_method);
  const paid = (changes: object = {}): Promise<PaymentSnapshot> => pay(methods.success, changes);
  const wish = ({ payment_id, currency }: PaymentSnapshot, amount: number): RefundRequest => ({
    refund_id: uuidv7(),
    payment_id: payment_id!,
    tenant_id: uuidv7(),
    amount,
    currency,
    reason: 'requested_by_customer',
  });
  const refund = (payment: PaymentSnapshot, request: RefundRequest, key?: string): Promise<RefundSnapshot> =>
    gateway().refund(payment.provider_payment_id, request, sending(key));
  const refundsOf = ({ provider_payment_id }: PaymentSnapshot) =>
    gateway().listRefunds(provider_payment_id, AbortSignal.timeout(10_000));

  it('gives a part back, and knows whose it is', async () => {
    const payment = await paid();
    const request = wish(payment, 1_000);
    const made = await refund(payment, request);

    expect(made).toMatchObject({
      refund_id: request.refund_id,
      provider_payment_id: payment.provider_payment_id,
      livemode: gateway().config.livemode,
      status: 'succeeded',
      amount: 1_000,
      currency: 'EUR',
      reason: 'requested_by_customer',
      failure_code: null,
    });
    expect(await gateway().fetchRefund(made.provider_refund_id, AbortSignal.timeout(10_000))).toEqual(made);
    const rest = await refund(payment, wish(payment, 3_200));
    const listed = await refundsOf(payment);
    expect(listed).toHaveLength(2);
    expect(listed).toEqual(expect.arrayContaining([made, rest]));
    expect(await fetch(payment)).toMatchObject({ status: 'succeeded', amount_captured: 4_200 });
  });

  it('gives back no more than was taken, and nothing of what was not', async () => {
    const payment = await paid();
    await refund(payment, wish(payment, 4_000));
    await expect(refund(payment, wish(payment, 201))).rejects.toBeInstanceOf(ProviderRejectedError);
    await refund(payment, wish(payment, 200));

    await expect(refund(payment, wish(payment, 1))).rejects.toBeInstanceOf(ProviderRejectedError);
    const made = await create();
    await expect(refund(made, wish(made, 100))).rejects.toBeInstanceOf(ProviderRejectedError);
  });

  it('counts refunds as we do, in currencies that it counts otherwise', async () => {
    for (const [currency, amount, part] of [
      ['ISK', 500, 100],
      ['JPY', 500, 1],
      ['KWD', 5_120, 10],
      ['MGA', 50_000, 100],
    ] as const) {
      const payment = await paid({ currency, amount });
      expect(await refund(payment, wish(payment, part))).toMatchObject({ amount: part, currency });
    }
  });

  it('makes one refund under one key, however often it is asked, and none for another request', async () => {
    const [payment, key] = [await paid(), randomUUID()];
    const request = wish(payment, 700);
    const made = [await refund(payment, request, key), await refund(payment, request, key)];

    expect(new Set(made.map(({ provider_refund_id }) => provider_refund_id)).size).toBe(1);
    await expect(refund(payment, wish(payment, 701), key)).rejects.toBeInstanceOf(ProviderRejectedError);
    expect(await refundsOf(payment)).toHaveLength(1);
  });

  it('has a refund whose answer was lost among those of the payment, by our id', async () => {
    const [payment, key] = [await paid(), randomUUID()];
    const request = wish(payment, 700);
    await loseNextAnswer('refund');
    await expect(refund(payment, request, key)).rejects.toBeInstanceOf(ProviderUnknownError);

    expect(await refundsOf(payment)).toMatchObject([{ refund_id: request.refund_id, amount: 700 }]);
  });

  it('may take its time to give back', async () => {
    const payment = await pay(methods.slowRefund);
    expect(await refund(payment, wish(payment, 700))).toMatchObject({ status: 'pending' });
  });

  it('tells of a dispute', async () => {
    let payment: PaymentSnapshot | undefined;
    const id = await dispute(async (method) => (payment = await pay(method)));
    const found = await gateway().listDisputes(payment!.provider_payment_id, AbortSignal.timeout(10_000));
    expect(found).toEqual([await gateway().fetchDispute(id, AbortSignal.timeout(10_000))]);

    expect(await gateway().fetchDispute(id, AbortSignal.timeout(10_000))).toMatchObject({
      provider_dispute_id: id,
      provider_payment_id: payment!.provider_payment_id,
      livemode: gateway().config.livemode,
      amount: 4_200,
      currency: 'EUR',
      status: 'needs_response',
      closed: false,
      lost: false,
      reason: 'fraudulent',
      evidence_due_at: expect.any(Date),
    });
  });

  it('knows all that was made since a time', async () => {
    const since = new Date(Date.now() - 60_000);
    const payment = await paid();
    const made = await refund(payment, wish(payment, 700));
    const id = await dispute(pay);
    const signal = AbortSignal.timeout(20_000);

    expect(await all(gateway().payments(since, signal))).toContainEqual(await fetch(payment));
    expect(await all(gateway().refunds(since, signal))).toContainEqual(made);
    const disputes = await all(gateway().disputes(since, signal));
    expect(disputes.map(({ provider_dispute_id }) => provider_dispute_id)).toContain(id);
    // Some list by when a thing was made, and look further back for what can have changed since.
    expect(await all(gateway().refunds(new Date(Date.now() + 60 * 24 * 3_600_000), signal))).toEqual([]);
  });

  it('refuses refunds and disputes that it does not know', async () => {
    const signal = AbortSignal.timeout(10_000);
    await expect(gateway().fetchRefund('re_nowhere', signal)).rejects.toBeInstanceOf(ProviderRejectedError);
    await expect(gateway().fetchDispute('du_nowhere', signal)).rejects.toBeInstanceOf(ProviderRejectedError);
  });

  it('has a secret for the payer’s browser', async () => {
    const { provider_payment_id } = await create();
    expect(await gateway().clientSecret(provider_payment_id, AbortSignal.timeout(10_000))).toContain('secret');
  });

  it('reads no webhook that is not signed', () => {
    expect(() => gateway().readWebhook(Buffer.from('{}'), {})).toThrow('The signature is missing, wrong or too old');
  });
}
