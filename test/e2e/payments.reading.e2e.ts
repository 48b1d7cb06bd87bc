import { randomUUID } from 'node:crypto';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { conforming } from '../support/conformance.js';
import { Client } from '../support/client.js';
import { act, brokenInvariants, paid, pay, quiescence, withKey } from '../support/payments.js';
import { PATIENT } from '../support/visitors.js';

let app: TestApp;
let ada: Client;
let admin: Client;
beforeAll(async () => {
  app = await startApp();
  ada = await Client.logIn(conforming(app.send), await app.signUp());
  admin = await app.tenantAdmin();
});

describe('who may see a payment', () => {
  it('is its owner, and the admins of the tenant', async () => {
    const { id } = await paid(ada);
    const [bob, foreign] = [await app.signUp(), await member(app, await newTenant(app), 'admin')];

    for (const path of ['', '/timeline', '/ledger', '/client-secret']) {
      expect((await bob.get(`/payments/${id}${path}`)).body).toMatchObject({ status: 404, code: 'payment_not_found' });
      expect((await foreign.get(`/payments/${id}${path}`)).body.code).toBe('payment_not_found');
    }
    for (const action of ['confirm', 'cancel']) {
      const body = action === 'confirm' ? { payment_method: 'pm_sim_success' } : {};
      expect((await act(bob, id, action, body)).body.code).toBe('payment_not_found');
      expect((await act(admin, id, action, body)).body.code).toBe('payment_not_found');
    }
    expect((await act(foreign, id, 'capture')).body.code).toBe('payment_not_found');
    expect((await admin.get(`/payments/${id}`)).status).toBe(200);
    expect((await (await app.admin()).get(`/payments/${id}`)).status).toBe(200);
  });

  it('tells its steps and its postings', async () => {
    const { id } = await paid(ada);
    const { body: timeline } = await ada.get(`/payments/${id}/timeline`);
    const { body: ledger } = await ada.get(`/payments/${id}/ledger`);

    expect(timeline.data.filter(({ type }: any) => type === 'transition').map(({ status }: any) => status)).toEqual([
      'processing',
      'succeeded',
    ]);
    expect(timeline.data.filter(({ type }: any) => type === 'operation').map(({ what }: any) => what)).toEqual([
      'create',
      'confirm',
    ]);
    expect(ledger.data).toMatchObject([
      { account: 'provider_receivable', direction: 'debit', amount: 4_200, currency: 'EUR', event: 'captured' },
      { account: 'sales', direction: 'credit', amount: 4_200, currency: 'EUR', source: { type: 'payment', id } },
    ]);
  });
});

describe('GET /payments', () => {
  it('pages through what is there, without a gap or a repeat while new ones come', async () => {
    const eve = await app.signUp();
    const made: string[] = [];
    for (let count = 0; count < 5; count++) made.unshift((await paid(eve, { amount: 100 + count })).id);
    const seen: string[] = [];
    for (let after = ''; ;) {
      const { body } = await eve.get(`/payments?limit=2${after && `&starting_after=${after}`}`);
      seen.push(...body.data.map(({ id }: any) => id));
      await paid(eve);
      if (!body.has_more) break;
      after = seen.at(-1)!;
    }
    expect(seen).toEqual(made);

    const filtered = async (query: string) => (await eve.get(`/payments?${query}`)).body.data.length;
    expect(await filtered('amount_gte=101&amount_lte=103')).toBe(3);
    expect(await filtered('status=canceled')).toBe(0);
    expect(await filtered('currency=eur&limit=100')).toBe(8);
    expect(await filtered(`owner_id=${ada.user.id}`)).toBe(0);
    expect(await filtered(`since=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`)).toBe(0);
    expect((await admin.get(`/payments?owner_id=${eve.user.id}&limit=100`)).body.data).toHaveLength(8);
    expect((await eve.get('/payments?state=x')).status).toBe(422);
  });
});

describe('the set-up', () => {
  it('names the provider, the currencies and the methods', async () => {
    expect((await ada.get('/payments/config')).body).toEqual({
      provider: 'simulator',
      publishable_key: null,
      limits: { max_amount: 999_999_999_999 },
    });
    const { body } = await ada.get('/currencies');
    expect(body.data).toContainEqual({ code: 'EUR', exponent: 2, minimum: 50, step: 1 });
    expect(body.data).toContainEqual({ code: 'KWD', exponent: 3, minimum: 10, step: 10 });
    expect((await ada.get('/simulator/payment-methods')).body.data.length).toBeGreaterThan(25);
  });

  it('refuses payments where nobody takes money, and has no simulator then', async () => {
    const none = await startApp({ settings: { PAYMENT_PROVIDER: 'none' } });
    const user = await none.logIn(ada);
    const { status, body } = await pay(user);

    expect({ status, code: body.code }).toEqual({ status: 503, code: 'provider_misconfigured' });
    expect((await user.get('/simulator/payment-methods')).body.code).toBe('not_found');
    expect((await none.send('POST', '/webhooks/simulator', { body: {} })).status).toBe(404);
    await none.close();
  });

  it('refuses there whatever would move money, whether or not there is such a payment', async () => {
    const none = await startApp({ settings: { PAYMENT_PROVIDER: 'none' } });
    const [user, chief] = [await none.logIn(ada), await none.logIn(admin)];
    const confirmation = { payment_method: 'pm_sim_success' };
    for (const id of [(await paid(ada)).id, randomUUID()]) {
      const answers = {
        confirm: await act(user, id, 'confirm', confirmation),
        cancel: await act(user, id, 'cancel'),
        capture: await act(chief, id, 'capture'),
        refunds: await act(chief, id, 'refunds'),
        sync: await act(chief, id, 'sync'),
      };
      const statuses = Object.entries(answers).map(([action, { status, body }]) => [action, status, body.code]);

      expect(statuses).toEqual(Object.keys(answers).map((action) => [action, 503, 'provider_misconfigured']));
    }
    await none.close();
  });

  it('leaves the key to a later request there: nothing was begun that somebody would have to end', async () => {
    const none = await startApp({ settings: { PAYMENT_PROVIDER: 'none' } });
    const user = await none.logIn(ada);
    const { id } = await paid(ada, { confirm: false });
    const key = randomUUID();
    await act(user, id, 'confirm', { payment_method: 'pm_sim_success' }, key);
    expect((await pay(user, {}, key)).status).toBe(503);

    expect(await app.sql('SELECT 1 FROM idempotency_keys WHERE key = $1', [key])).toEqual([]);
    expect((await pay(ada, {}, key)).status).toBe(201);
    await none.close();
  });
});

describe('the books', () => {
  it('balance, for admins', async () => {
    await paid(ada, { currency: 'JPY' });
    await quiescence(app);
    const { body } = await admin.get('/ledger/trial-balance');

    expect(body.data.length).toBeGreaterThanOrEqual(2);
    for (const { debits, credits, difference } of body.data)
      expect({ credits, difference }).toEqual({ credits: debits, difference: 0 });
    const { body: accounts } = await admin.get('/ledger/accounts');
    expect(accounts.data.map(({ code }: any) => code)).toEqual(
      expect.arrayContaining(['provider_receivable', 'sales']),
    );
    expect((await ada.get('/ledger/trial-balance')).status).toBe(403);
    expect(await brokenInvariants(app)).toEqual([]);
  });
});

it('a payment is limited per user', async () => {
  const limited = await startApp({ settings: { RATE_LIMIT_PAYMENTS: '2/1m' }, timings: PATIENT });
  const user = await limited.signUp();
  await paid(user);
  await paid(user);
  const third = await pay(user);

  expect(third).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
  expect((await user.get('/payments', withKey())).status).toBe(200);
  await limited.close();
});
