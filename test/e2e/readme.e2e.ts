import { randomUUID } from 'node:crypto';
import { startApp } from '../support/app.js';
import { payOrder } from '../support/examples/shop.simulator.js';
import { showForm } from '../support/examples/shop.stripe.js';
import { eventually } from '../support/eventually.js';
import { paymentOf, postings, untilStatus } from '../support/payments.js';
import { bringAll, startStripeApp } from '../support/stripe/app.js';
import { StripeServer } from '../support/stripe/server.js';

/** The examples of the README, which test/unit/readme.spec.ts finds there word by word. */
describe('a shop', () => {
  it('with the simulator takes the money for an order, once, however often it asks', async () => {
    const app = await startApp();
    const ada = await app.signUp();
    const order = `order-${randomUUID()}`;
    const pages = await Promise.all(
      [payOrder(app.url, ada.token, order), payOrder(app.url, ada.token, order)].map(
        // Two at once under one key: one of them may be told to come again.
        (page) => page.catch((error: Error) => error.message),
      ),
    );
    expect(pages).toContain(null);
    expect(await payOrder(app.url, ada.token, order)).toBeNull();

    const { data } = (await ada.get(`/payments?reference=${order}`)).body;
    expect(data).toMatchObject([{ status: 'succeeded', amount_captured: 4_200 }]);
    expect(await postings(app, data[0].id)).toBe(1);
    await app.close();
  });

  it('with Stripe’s script never sees a card, and hears of the money by a webhook', async () => {
    const stripe = await StripeServer.start();
    const app = await startStripeApp(stripe);
    const ada = await app.signUp();
    const seen: string[] = [];
    /** Stripe's script, as far as it goes: the browser and Stripe have it out between themselves. */
    const script = (key: string) => ({
      elements: ({ clientSecret }: { clientSecret: string }) => {
        seen.push(key, clientSecret.replace(/_secret_.*/, ''));
        return { create: () => ({ mount: (place: string) => seen.push(place) }) };
      },
      confirmPayment: async ({ confirmParams: { return_url } }: { confirmParams: { return_url: string } }) => {
        stripe.books.confirm(seen[1]!, { payment_method: 'pm_card_visa', return_url });
        await bringAll(app, stripe);
        const [{ id }] = (await ada.get('/payments')).body.data;
        await untilStatus(ada, id, 'succeeded');
        return {};
      },
    });
    const pressButton = await showForm(app.url, ada.token, 'order-1', script);
    const [{ id, provider_payment_id }] = (await ada.get('/payments')).body.data;
    expect(seen).toEqual(['pk_test_1', provider_payment_id, '#payment']);

    expect(await pressButton()).toBe('Paid');
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'succeeded', payment_method: { last4: '4242' } });
    await eventually(async () => (await postings(app, id)) === 1);
    await app.close();
  });
});
