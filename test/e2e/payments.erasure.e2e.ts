import { randomUUID } from 'node:crypto';
import { rowsHolding } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { act, brokenInvariants, paid, pay, quiescence, refund, untilDispute } from '../support/payments.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

/** Rows of the bank too, which has a schema of its own. */
const atTheBank = async (texts: readonly string[]): Promise<string[]> => {
  const tables = await app.sql<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'simulator'::regnamespace AND relkind = 'r'`,
  );
  const found = tables.map(async ({ name }) => {
    const rows = await app.sql<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
    return rows.filter(({ row }) => texts.some((text) => row.includes(text))).map(({ row }) => `${name}: ${row}`);
  });
  return (await Promise.all(found)).flat();
};

describe('the deletion of an account', () => {
  it('leaves its payments to the books, and nothing of the person in them', async () => {
    const canary = `canary-${randomUUID()}`;
    const ada = await app.signUp();
    const platform = await app.admin();
    const order = {
      reference: `${canary}-reference`,
      description: `${canary}-description`,
      metadata: { note: `${canary}-metadata` },
      return_url: `https://example.com/${canary}`,
    };
    const key = `${canary}-key`;
    const { body: succeeded } = await pay(ada, order, key);
    const waiting = await paid(ada, { ...order, reference: `${canary}-2`, payment_method: 'pm_sim_3ds_required' });
    await pay(ada, { ...order, reference: `${canary}-3`, payment_method: 'pm_sim_declined' });
    await act(ada, waiting.id, 'cancel');
    const back = await refund(platform, succeeded.id, { metadata: { note: `${canary}-refund` }, reason: 'fraudulent' });
    const disputed = await paid(ada, { payment_method: 'pm_sim_dispute' });
    await untilDispute(ada, disputed.id, { reason: 'fraudulent' });
    await quiescence(app);
    expect(await rowsHolding(app, [canary])).not.toEqual([]);
    expect(await atTheBank([canary])).not.toEqual([]);

    expect((await platform.delete(`/users/${ada.user.id}`)).status).toBe(204);

    expect(await rowsHolding(app, [canary])).toEqual([]);
    expect(await atTheBank([canary])).toEqual([]);
    const { body } = await platform.get(`/payments/${succeeded.id}`);
    expect(body).toMatchObject({
      status: 'succeeded',
      amount_captured: 4_200,
      owner_id: ada.user.id,
      reference: null,
      description: null,
      metadata: {},
      payment_method: null,
    });
    expect((await platform.get(`/refunds/${back.body.id}`)).body).toMatchObject({
      status: 'succeeded',
      amount: 4_200,
      reason: null,
      metadata: {},
    });
    const words = await app.sql('SELECT reason FROM disputes UNION ALL SELECT reason FROM simulator.refunds');
    expect(words.every(({ reason }) => reason === null)).toBe(true);
    const requests = await app.sql(
      `SELECT 1 FROM provider_operations WHERE request ->> 'reason' = 'fraudulent' UNION ALL
       SELECT 1 FROM simulator.requests WHERE body -> 'made' ->> 'reason' = 'fraudulent' UNION ALL
       SELECT 1 FROM simulator.disputes WHERE reason = 'fraudulent'`,
    );
    expect(requests).toEqual([]);
    const keys = await app.sql('SELECT 1 FROM idempotency_keys WHERE owner_id = $1', [ada.user.id]);
    expect(keys).toEqual([]);
    expect(await brokenInvariants(app)).toEqual([]);
  });

  it('tells nobody of what waits to be told, and the books still know that it was written down', async () => {
    const canary = `canary-${randomUUID()}`;
    // Nobody delivers anything there.
    const api = await startApp({ database: 'own', settings: { PROCESS_ROLE: 'api' } });
    const ada = await api.signUp();
    await paid(ada, { reference: canary });
    const untold = () => api.sql('SELECT 1 FROM outbox WHERE subject_id = $1 AND payload IS NOT NULL', [ada.user.id]);
    expect((await untold()).length).toBeGreaterThan(2);

    expect((await ada.delete('/users/me')).status).toBe(204);

    expect(await untold()).toEqual([]);
    expect(await api.sql(`SELECT 1 FROM outbox WHERE status <> 'sent' OR sent_at IS NULL`)).toEqual([]);
    expect(await rowsHolding(api, [canary])).toEqual([]);
    expect(await brokenInvariants(api)).toEqual([]);
    await api.close();
  });
});

describe('F16: a card number, a secret of the payer and a link of the bank', () => {
  it('are in no row, no job and no line of the log', async () => {
    const ada = await app.signUp();
    const payment = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
    const { body } = await ada.get(`/payments/${payment.id}/client-secret`);
    const token = payment.next_action.url.split('#')[1];
    await pay(ada, { metadata: { card: '4242 4242 4242 4242' } });
    await quiescence(app);
    const secrets = [body.client_secret, token, '4242 4242 4242 4242', '4242424242424242'];

    expect(await rowsHolding(app, secrets)).toEqual([]);
    expect(await atTheBank(secrets)).toEqual([]);
    for (const secret of secrets) expect(app.logs.join('\n')).not.toContain(secret);
    expect((await ada.get(`/payments/${payment.id}`)).body.next_action).toEqual(payment.next_action);
  });
});
