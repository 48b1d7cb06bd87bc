import { setTimeout as sleep } from 'node:timers/promises';
import { Settings } from '../../src/config/settings.js';
import { Timings } from '../../src/config/timings.js';
import { ProviderUnknownError } from '../../src/payments/gateways/payment.gateway.js';
import { StripeConnection } from '../../src/payments/stripe/stripe-connection.js';
import { StripeLine } from '../../src/payments/stripe/stripe-line.js';

/** So many at once, and so many failures in a row. */
const [AT_ONCE, OUTAGE] = [20, 10];
const PAUSE_MS = 200;

/** The line to a Stripe of which every question waits until it is told how it ends. */
function line() {
  const timings = Object.assign(new Timings(), { provider_wait_ms: 50, provider_pause_ms: PAUSE_MS });
  const settings = { STRIPE_API_KEY: 'sk_test_nobody' } as Settings;
  const stripe = new StripeLine(settings, timings, new StripeConnection());
  const asked: { end: () => void; fail: () => void }[] = [];
  const question = () =>
    new Promise<string>((resolve, reject) =>
      asked.push({ end: () => resolve('answered'), fail: () => reject(new ProviderUnknownError('connection')) }),
    );
  /** How it ends: by an answer, or by which failure. */
  const ask = (): Promise<string> =>
    stripe
      .ask(AbortSignal.timeout(60_000), question)
      .catch((error: unknown) => (error instanceof ProviderUnknownError ? error.code : String(error)));
  const asks = (count: number): Promise<string>[] => Array.from({ length: count }, ask);
  return { ask, asks, asked };
}

/** Until what was asked has come as far as it can. */
const settled = (): Promise<unknown> => sleep(20);

/** The package is loaded with the first question. */
beforeAll(() => import('stripe'));

describe('the line to Stripe', () => {
  it('counts no queue of ours as an answer of Stripe', async () => {
    const { ask, asks, asked } = line();
    const all = asks(AT_ONCE + OUTAGE - 1);
    await settled();
    for (const { fail } of asked.slice(0, OUTAGE - 1)) fail();
    await settled();
    expect(asked).toHaveLength(AT_ONCE + OUTAGE - 1);
    expect(await ask()).toBe('overloaded');
    asked.at(-1)!.fail();
    await settled();

    expect(await ask()).toBe('circuit_open');
    for (const { end } of asked) end();
    await Promise.all(all);
  });

  it('sends nothing more of what has queued once Stripe is away', async () => {
    const { asks, asked } = line();
    const all = asks(AT_ONCE * 2);
    await settled();
    for (const { fail } of asked.slice(0, OUTAGE)) fail();
    await settled();
    for (const { end } of asked) end();

    const ends = await Promise.all(all);
    expect(asked.length).toBeLessThan(AT_ONCE + OUTAGE);
    expect(ends.slice(0, OUTAGE)).toEqual(Array(OUTAGE).fill('connection'));
    expect(ends.at(-1)).toBe('circuit_open');
  });

  it('refuses at once while it is open, though every place is taken, and lets one try after the pause', async () => {
    const { ask, asks, asked } = line();
    const all = asks(AT_ONCE + OUTAGE - 1);
    await settled();
    for (const { fail } of asked.slice(0, OUTAGE)) fail();
    await settled();
    expect(await ask()).toBe('circuit_open');
    await sleep(PAUSE_MS);
    const trial = ask();
    await settled();
    const before = asked.length;

    expect(await Promise.all(asks(5))).toEqual(Array(5).fill('circuit_open'));
    expect(asked).toHaveLength(before);
    asked.at(-1)!.fail();
    expect(await trial).toBe('connection');
    expect(await ask()).toBe('circuit_open');
    for (const { end } of asked) end();
    await Promise.all(all);
  });
});
