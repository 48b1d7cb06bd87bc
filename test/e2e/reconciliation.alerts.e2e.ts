import { randomBytes } from 'node:crypto';
import { uuidv7 } from '../../src/common/uuid.js';
import { Discrepancies } from '../../src/payments/reconciliation/discrepancies.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { lockWaits, whileLocked } from '../support/connections.js';
import { eventually } from '../support/eventually.js';
import { insertPayments, paid, pay, paymentOf, quiescence, timesCharged, untilStatus } from '../support/payments.js';
import { itemsOf, RESTLESS, untilItems } from '../support/reconciliation.js';

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  // The bank is asked when a test asks, or when it has told something: no payment's turn comes in between.
  app = await startApp({ timings: { ...RESTLESS, reconcile_poll_ms: 3_600_000 } });
  [ada, admin, platform] = [await app.signUp(), await app.tenantAdmin(), await app.admin()];
});

describe('alerts', () => {
  it('tell of a hold a day before it lapses, until it has: then it is canceled, as the bank says', async () => {
    const { id } = await paid(ada, { capture_method: 'manual', payment_method: 'pm_sim_auth_expires' });
    const [item] = await untilItems(admin, id, { hold_expiring: true });
    expect(item).toMatchObject({ object: { type: 'payment', id }, expected: { capture_before: expect.any(String) } });
    const lines = () => app.logs.filter((line) => line.includes('hold_expiring') && line.includes(id));
    await eventually(() => expect(lines()).toHaveLength(1));

    await app.sql(`UPDATE simulator.charges SET capture_before = now() WHERE payment_id = $1`, [id]);
    expect(await untilStatus(ada, id, 'canceled')).toMatchObject({ amount_captured: 0 });
    await untilItems(admin, id, { hold_expiring: false });
  });

  it('do not tell of one that has days', async () => {
    const { id } = await paid(ada, { capture_method: 'manual' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await itemsOf(admin, id)).toEqual([]);
  });

  it('tell of a request that is unfinished for almost a day, until it has its answer', async () => {
    const { id: payment_id } = await paid(ada);
    const id = uuidv7();
    await app.sql(
      `INSERT INTO idempotency_keys (id, tenant_id, owner_id, key, request_hash, request_path, success_status, payment_id,
         lock_token, locked_until, request_id, created_at, last_run_at)
       VALUES ($1, $2, $3, 'old', $4, '/api/v1/payments', 201, $5, $1, now() + interval '1 hour', 'r',
         now() - interval '22 hours 30 minutes', now())`,
      [id, DEFAULT_TENANT_ID, ada.user.id, randomBytes(32), payment_id],
    );
    expect(await untilItems(admin, payment_id, { stuck: true })).toMatchObject([{ object: { type: 'request', id } }]);
    await app.sql('DELETE FROM idempotency_keys WHERE id = $1', [id]);
    await untilItems(admin, payment_id, { stuck: false });
  });

  it('tell of what nobody knows to have been done, once the provider has forgotten our key', async () => {
    const [id] = await insertPayments(app, [{ id: ada.user.id, tenant_id: DEFAULT_TENANT_ID }]);
    await app.sql(
      `UPDATE payments SET status = 'processing', next_reconcile_at = now() + interval '1 day' WHERE id = $1`,
      [id],
    );
    await app.sql(
      `UPDATE provider_operations SET state = 'unknown', post_until = now() - interval '1 minute' WHERE payment_id = $1`,
      [id],
    );
    const found = () => itemsOf(admin, id!, 'kind=key_horizon_passed');
    await eventually(async () =>
      expect(await found()).toMatchObject([
        {
          object: { type: 'operation' },
          expected: { operation: 'create' },
          seen: { state: 'unknown' },
          resolved_at: null,
        },
      ]),
    );
    await app.sql(`UPDATE payments SET status = 'canceled', canceled_at = now() WHERE id = $1`, [id]);
    await eventually(async () => expect(await found()).toMatchObject([{ resolved_at: expect.any(String) }]));
  });

  it.each([
    ['pm_sim_amount_mismatch', 'amount_mismatch'],
    ['pm_sim_currency_mismatch', 'currency_mismatch'],
    ['pm_sim_unknown_status', 'status_mismatch'],
  ])('tell of a payment that waits for a person: %s is a %s', async (payment_method, kind) => {
    const { body } = await pay(ada, { payment_method });
    expect(body.needs_review).toBe(true);
    await untilItems(admin, body.id, { [kind]: true });
  });
});

it('an alert that comes late changes nothing of what was found out by asking the provider', async () => {
  const { id } = await paid(ada);
  const about = { tenant_id: DEFAULT_TENANT_ID, payment_id: id, provider_object_id: null };
  const object = { ...about, object_type: 'payment', object_id: id } as const;
  const found = { kind: 'amount_mismatch', expected: { amount: 4_200 }, seen: { amount: 4_300 } } as const;
  const discrepancies = app.app.get(Discrepancies, { strict: false });
  await discrepancies.report(object, found);
  await discrepancies.note(object, { ...found, expected: { status: 'succeeded' }, seen: { reason: found.kind } });

  expect(await itemsOf(admin, id)).toMatchObject([found]);
  expect(app.logs.filter((line) => line.includes('Reconciliation: ') && line.includes(id))).toHaveLength(1);
});

describe('POST /payments/{id}/sync', () => {
  it('follows the provider now, for admins', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
    await quiescence(app);
    await app.sql(`UPDATE payments SET next_reconcile_at = now() + interval '1 day' WHERE id = $1`, [id]);
    await app.sql(`UPDATE simulator.charges SET status = 'succeeded', amount_received = amount WHERE payment_id = $1`, [
      id,
    ]);

    expect((await ada.post(`/payments/${id}/sync`)).status).toBe(403);
    const stranger = await member(app, await newTenant(app), 'admin');
    expect((await stranger.post(`/payments/${id}/sync`)).body.code).toBe('payment_not_found');
    expect((await paymentOf(ada, id)).status).toBe('requires_action');
    expect((await admin.post(`/payments/${id}/sync`)).body).toMatchObject({ id, status: 'succeeded' });
    expect((await platform.post(`/payments/${id}/sync`)).body).toMatchObject({ id, status: 'succeeded' });
    expect(await timesCharged(app, id)).toBe(0);
  });

  it('is 503 where the provider does not answer, and changes nothing', async () => {
    const { id } = await paid(ada);
    await quiescence(app);
    await platform.post('/simulator/faults', { operation: 'fetch', fault: 'server_error', next_n: 100 });
    const { status, body, headers } = await admin.post(`/payments/${id}/sync`);

    expect({ status, code: body.code }).toEqual({ status: 503, code: 'provider_unavailable' });
    await platform.post('/simulator/reset');
    expect(headers.get('retry-after')).toBe('1');
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'succeeded', needs_review: false });
  });

  it('resolves what agrees by now', async () => {
    const { id } = await paid(ada);
    await quiescence(app);
    await app.sql('UPDATE simulator.charges SET amount = 4300 WHERE payment_id = $1', [id]);
    expect((await admin.post(`/payments/${id}/sync`)).body).toMatchObject({ needs_review: true });
    await untilItems(admin, id, { amount_mismatch: true });

    await app.sql('UPDATE simulator.charges SET amount = 4200 WHERE payment_id = $1', [id]);
    expect((await admin.post(`/payments/${id}/sync`)).body).toMatchObject({ needs_review: false });
    await untilItems(admin, id, { amount_mismatch: false });
  });

  it('clears what agrees before it resolves what is written of it: an alert in between has nothing to tell', async () => {
    const { id } = await paid(ada);
    await quiescence(app);
    await app.sql('UPDATE simulator.charges SET amount = 4300 WHERE payment_id = $1', [id]);
    await admin.post(`/payments/${id}/sync`);
    await app.sql('UPDATE simulator.charges SET amount = 4200 WHERE payment_id = $1', [id]);
    const written = 'SELECT 1 FROM reconciliation_items WHERE payment_id = $1 FOR UPDATE';
    let asked: Promise<unknown> | undefined;
    await whileLocked(app, written, [id], async () => {
      asked = admin.post(`/payments/${id}/sync`);
      await lockWaits(app);
      expect(await paymentOf(ada, id)).toMatchObject({ needs_review: false });
    });
    await asked;

    await untilItems(admin, id, { amount_mismatch: false });
  });
});
