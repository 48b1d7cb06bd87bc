import { Invariants } from '../../src/payments/invariants/invariants.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { insertPayments, paid, paymentOf, quiescence } from '../support/payments.js';
import type { Client } from '../support/client.js';
import { within } from '../support/connections.js';
import { compare, insertCharge, insertItems, itemsOf, RESTLESS, untilItems } from '../support/reconciliation.js';

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  app = await startApp({ timings: RESTLESS });
  [ada, admin, platform] = [await app.signUp(), await app.tenantAdmin(), await app.admin()];
});

/** What the provider has and we have not, by its own id. */
const itemsAt = async (client: Client, provider_id: string): Promise<any[]> =>
  (await client.get('/reconciliation/items?limit=100')).body.data.filter(
    ({ object }: any) => object.id === provider_id,
  );

describe('a comparison with the provider', () => {
  it('writes down what the provider has and we have not, for platform admins, until it is gone', async () => {
    const id = await insertCharge(app);
    await compare(app);
    await compare(app);
    const [item, ...others] = await itemsAt(platform, id);

    expect(others).toEqual([]);
    expect(item).toEqual({
      id: expect.any(String),
      tenant_id: null,
      kind: 'missing_local',
      object: { type: 'payment', id },
      payment_id: null,
      provider_object_id: id,
      expected: null,
      seen: {
        provider: 'simulator',
        livemode: 'false',
        status: 'succeeded',
        amount: 4_200,
        amount_captured: 4_200,
        currency: 'EUR',
      },
      first_seen: expect.any(String),
      last_seen: expect.any(String),
      resolved_at: null,
    });
    expect(item.last_seen > item.first_seen).toBe(true);
    expect(await itemsAt(admin, id)).toEqual([]);
    expect((await platform.get(`/reconciliation/items?tenant_id=${DEFAULT_TENANT_ID}&limit=100`)).text).not.toContain(
      id,
    );
    const lines = app.logs.filter((line) => line.includes(id));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'error', msg: 'Reconciliation: missing_local' });

    await app.sql('DELETE FROM simulator.charges WHERE id = $1', [id]);
    await compare(app);
    expect(await itemsAt(platform, id)).toMatchObject([{ resolved_at: expect.any(String) }]);
  });

  it('passes over what holds no money, and what is older than two days', async () => {
    const ids = [
      await insertCharge(app, { status: 'requires_confirmation' }),
      await insertCharge(app, { status: 'canceled' }),
      await insertCharge(app, { hours_ago: 50 }),
    ];
    await compare(app);

    for (const id of ids) expect(await itemsAt(platform, id)).toEqual([]);
  });

  it('finds money that was taken a second time for a payment of ours', async () => {
    const { id: payment_id } = await paid(ada);
    const id = await insertCharge(app, { payment_id });
    await compare(app);

    expect(await itemsOf(admin, payment_id)).toMatchObject([
      { kind: 'missing_local', object: { type: 'payment', id } },
    ]);
    await app.sql('DELETE FROM simulator.charges WHERE id = $1', [id]);
  });

  it('writes down what we have and the provider has not, sets it aside, and takes that back when it is there again', async () => {
    const { id, provider_payment_id } = await paid(ada);
    await quiescence(app);
    const away = `${provider_payment_id}_away`;
    // So far away that nothing of it leads to ours any more.
    const taken = `UPDATE simulator.charges SET id = $2, payment_id = gen_random_uuid(), status = 'canceled' WHERE id = $1`;
    await app.sql('ALTER TABLE simulator.movements DROP CONSTRAINT movements_charge_fkey');
    await app.sql(taken, [provider_payment_id, away]);
    await compare(app);

    await untilItems(admin, id, { missing_provider: true });
    expect(await itemsOf(admin, id)).toMatchObject([
      {
        expected: { status: 'succeeded', amount: 4_200, currency: 'EUR' },
        seen: null,
        provider_object_id: provider_payment_id,
      },
    ]);
    expect(await paymentOf(ada, id)).toMatchObject({ needs_review: true, status: 'succeeded' });

    await app.sql(`UPDATE simulator.charges SET id = $2, payment_id = $3, status = 'succeeded' WHERE id = $1`, [
      away,
      provider_payment_id,
      id,
    ]);
    await compare(app);
    await untilItems(admin, id, { missing_provider: false });
    expect(await paymentOf(ada, id)).toMatchObject({ needs_review: false, status: 'succeeded' });
  });

  it('finds an amount that somebody has changed in our tables, and the books find it too', async () => {
    const { id } = await paid(ada);
    await quiescence(app);
    const change = (amount: number) =>
      app.sqlAs(
        'owner',
        `BEGIN; SET LOCAL app.system = 'on'; UPDATE payments SET amount_captured = ${amount} WHERE id = '${id}'; COMMIT`,
      );
    await change(4_100);
    await compare(app);

    const items = await untilItems(admin, id, { amount_mismatch: true, ledger_mismatch: true });
    expect(items.find(({ kind }) => kind === 'amount_mismatch')).toMatchObject({
      expected: { amount_captured: 4_100 },
      seen: { amount_captured: 4_200 },
    });
    expect(items.find(({ kind }) => kind === 'ledger_mismatch')).toMatchObject({
      tenant_id: DEFAULT_TENANT_ID,
      object: { type: 'ledger', id: `I4:${id}` },
      expected: { invariant: expect.stringContaining('I4') },
    });
    expect((await paymentOf(ada, id)).amount_captured).toBe(4_100);

    await change(4_200);
    await compare(app);
    await untilItems(admin, id, { amount_mismatch: false, ledger_mismatch: false });
  });

  it.each([
    ['currency_mismatch', `currency = 'usd'`, { currency: 'EUR' }, { currency: 'USD' }],
    ['amount_mismatch', 'amount = 4300', { amount: 4_200 }, { amount: 4_300 }],
    ['status_mismatch', `status = 'canceled'`, { status: 'succeeded' }, { status: 'canceled' }],
  ])('finds a %s, and follows nothing', async (kind, change, expected, seen) => {
    const { id } = await paid(ada);
    await quiescence(app);
    await app.sql(`UPDATE simulator.charges SET ${change} WHERE payment_id = $1`, [id]);
    await compare(app);

    expect(await itemsOf(admin, id, `kind=${kind}&open=true`)).toMatchObject([{ expected, seen }]);
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'succeeded', needs_review: true, amount: 4_200 });
  });

  it('brings what is only late to its end, and has nothing to say about it', async () => {
    // Nobody is told, and nobody asks: the reconciler's turn is far away.
    const { id } = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
    await quiescence(app);
    await app.sql(`UPDATE payments SET next_reconcile_at = now() + interval '1 day' WHERE id = $1`, [id]);
    await app.sql(`UPDATE simulator.charges SET status = 'succeeded', amount_received = amount WHERE payment_id = $1`, [
      id,
    ]);
    await compare(app);

    expect(await paymentOf(ada, id)).toMatchObject({ status: 'succeeded', amount_captured: 4_200 });
    expect(await itemsOf(admin, id)).toEqual([]);
    const { body } = await admin.get(`/payments/${id}/timeline`);
    expect(body.data.findLast(({ type }: any) => type === 'transition')).toMatchObject({ actor: 'reconciler' });
  });

  it('leaves alone what was never given to the provider', async () => {
    const [id] = await insertPayments(app, [{ id: ada.user.id, tenant_id: DEFAULT_TENANT_ID }]);
    await compare(app);

    expect((await paymentOf(ada, id!)).status).toBe('requires_confirmation');
    expect(await itemsOf(admin, id!, 'kind=missing_provider')).toEqual([]);
  });
});

describe('the books', () => {
  it('are looked through hourly for what has changed of late, and as a whole when a person asks', async () => {
    const { id } = await paid(ada);
    await quiescence(app);
    const change = (changes: string) => app.sql(`UPDATE payments SET ${changes} WHERE id = '${id}'`);
    const invariants = app.app.get(Invariants, { strict: false });
    const broken = async (since: Date | null) => (await invariants.check(since)).flatMap(({ ids }) => ids);
    const yesterday = new Date(Date.now() - 24 * 3_600_000);
    await change('amount_captured = 4100');
    await untilItems(admin, id, { ledger_mismatch: true });
    expect(await broken(yesterday)).toContain(id);

    await change(`updated_at = now() - interval '3 days'`);
    expect(await broken(yesterday)).not.toContain(id);
    expect(await broken(null)).toContain(id);
    // What was found once is looked at until it is right.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await untilItems(admin, id, { ledger_mismatch: true });
    await change('amount_captured = 4200');
    await untilItems(admin, id, { ledger_mismatch: false });
  });
});

describe('GET /reconciliation/items', () => {
  it('is the tenant’s, for its admins, page by page, by kind and by whether it is so still', async () => {
    const tenant_id = await newTenant(app);
    const boss = await member(app, tenant_id, 'admin');
    const ids = await insertItems(app, [tenant_id, tenant_id, tenant_id]);
    await app.sql('UPDATE reconciliation_items SET resolved_at = now() WHERE id = $1', [ids[2]]);
    const idsOf = async (client: Client, query: string): Promise<string[]> =>
      (await client.get(`/reconciliation/items?${query}`)).body.data.map(({ id }: any) => id);

    expect(await idsOf(boss, '')).toEqual(ids);
    expect(await idsOf(boss, 'limit=1')).toEqual(ids.slice(0, 1));
    expect(await idsOf(boss, `limit=2&starting_after=${ids[0]}`)).toEqual(ids.slice(1));
    expect(await idsOf(boss, 'open=true')).toEqual(ids.slice(0, 2));
    expect(await idsOf(boss, 'open=false')).toEqual(ids.slice(2));
    expect(await idsOf(boss, 'kind=stuck')).toEqual([]);
    expect(await idsOf(platform, `tenant_id=${tenant_id}`)).toEqual(ids);
    expect(await idsOf(admin, `tenant_id=${tenant_id}`)).toEqual([]);
    expect(await idsOf(boss, `tenant_id=${DEFAULT_TENANT_ID}`)).toEqual([]);
    expect((await ada.get('/reconciliation/items')).status).toBe(403);
    expect((await boss.get('/reconciliation/items?kind=nonsense')).status).toBe(422);
    expect((await boss.post('/reconciliation/runs')).status).toBe(403);
  });

  it('shows no tenant what is of nobody, in the database itself, and lets none make such', async () => {
    const tenant_id = await newTenant(app);
    await insertItems(app, [tenant_id, null]);
    const ask = async (sql: string) =>
      (await within(app.settings.POSTGRES_URL, { tenant_id }, (client) => client.query(sql))).rows;

    expect(await ask('SELECT tenant_id FROM reconciliation_items')).toEqual([{ tenant_id }]);
    await expect(ask('UPDATE reconciliation_items SET tenant_id = NULL')).rejects.toMatchObject({ code: '42501' });
  });
});
