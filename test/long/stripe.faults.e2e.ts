import { randomUUID } from 'node:crypto';
import type { TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { brokenInvariants, pay, paymentOf, postings, quiescence, untilStatus } from '../support/payments.js';
import { startStripeApp } from '../support/stripe/app.js';
import { StripeServer, type StripeFault } from '../support/stripe/server.js';

jest.setTimeout(120_000);

/** A machine that is busy takes its time; what a request has left undone is taken up before the end of the file. */
const PATIENT = { payment_answer_ms: 12_000, payment_lease_ms: 12_000 };

let stripe: StripeServer;
let app: TestApp;
let replica: TestApp;
let ada: Client;
/** At a replica whose clients do not wait long for the bank. */
let hurried: Client;
/** Of both: Nest's logger is that of the app that was started last. */
const logs = (): string => [app, replica].flatMap((one) => one.logs).join('\n');
beforeAll(async () => {
  stripe = await StripeServer.start();
  app = await startStripeApp(stripe, { timings: PATIENT });
  ada = await app.signUp();
  const timings = { payment_answer_ms: 4_000 };
  replica = await startStripeApp(stripe, { settings: { PROCESS_ROLE: 'api' }, timings });
  hurried = await replica.logIn(ada);
});
beforeEach(() => stripe.heal());

const buy = (changes: object = {}, key?: string, by = ada): Promise<Answer> =>
  pay(by, { payment_method: 'pm_card_visa', ...changes }, key);

describe('F7: a Stripe that', () => {
  it.each<[what: string, fault: StripeFault, times: number, statuses: string[]]>([
    ['never answers, and has taken the money', 'silence_done', 1, ['processing']],
    ['sends half an answer', 'half_done', 1, ['succeeded']],
    ['breaks the connection again and again', 'reset_done', 4, ['succeeded', 'processing']],
    ['says that it failed, and has taken the money', 'error_done', 1, ['succeeded', 'processing']],
    ['is too busy', 'too_many', 1, ['succeeded']],
  ])('%s is never paid twice', async (_, fault, times, statuses) => {
    stripe.fail('confirm', fault, times);
    const { status, body } = await buy({}, undefined, fault === 'silence_done' ? hurried : ada);
    expect({ status, fits: statuses.includes(body.status) }).toEqual({ status: 201, fits: true });
    stripe.heal();

    await untilStatus(ada, body.id, 'succeeded');
    expect(stripe.timesCharged(body.id)).toBe(1);
    expect(await postings(app, body.id)).toBe(1);
  });

  it('cannot be reached before anything was made is 503, and the same key goes on', async () => {
    const key = randomUUID();
    stripe.fail('create', 'reset', 4);
    expect(await buy({}, key)).toMatchObject({ status: 503, body: { code: 'provider_unavailable' } });
    stripe.heal();
    const { status, body } = await buy({}, key);

    expect({ status, payment: body.status }).toEqual({ status: 201, payment: 'succeeded' });
    expect(stripe.timesCharged(body.id)).toBe(1);
  });

  it('has made the intent and forgot the key is asked for it by the payment’s id', async () => {
    const key = randomUUID();
    stripe.fail('create', 'half_done', 2);
    expect((await buy({}, key)).status).toBe(503);
    stripe.forgetKeys();
    const { body } = await buy({}, key);

    expect(body.status).toBe('succeeded');
    const made = stripe.books.intents.filter(({ metadata }) => metadata.payment_id === body.id);
    expect(made).toHaveLength(1);
  });

  it('does not know us is 503, and says so to the operator', async () => {
    stripe.fail('create', 'forbidden');
    expect(await buy()).toMatchObject({ status: 503, body: { code: 'provider_misconfigured' } });
    expect(logs()).toContain('Failed to process payment: provider_misconfigured');
  });
});

describe('a Stripe that says what cannot be', () => {
  it.each<[what: string, lie: object]>([
    ['another amount', { amount: 4_201 }],
    ['another currency', { currency: 'usd' }],
    ['another mode', { livemode: true }],
    ['a status that nobody has heard of', { status: 'requires_blessing' }],
  ])('%s has a person look', async (_, lie) => {
    stripe.lie = (object) =>
      object.object === 'payment_intent' && object.latest_charge ? { ...object, ...lie } : object;
    const { body } = await buy();
    stripe.lie = (object) => object;

    expect((await paymentOf(ada, body.id)).needs_review).toBe(true);
    expect(await postings(app, body.id)).toBe(0);
  });
});

it('after all of it the books are in order', async () => {
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
});
