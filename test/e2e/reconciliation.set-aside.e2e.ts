import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { act, events, paid, paymentOf, quiescence, refunded, refundsOf } from '../support/payments.js';
import { compare, compareIn, disputeAtBank, itemsOf, refundAtBank, RESTLESS } from '../support/reconciliation.js';

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  // The bank is asked when a test asks: no payment's turn comes in between.
  app = await startApp({ timings: { ...RESTLESS, reconcile_poll_ms: 3_600_000 } });
  [ada, admin, platform] = [await app.signUp(), await app.tenantAdmin(), await app.admin()];
});

/** How often it was set aside. */
const timesSetAside = (id: string): number =>
  app.logs.filter((line) => line.includes('A payment needs review') && line.includes(id)).length;

/** What is told of it, but for the books: what has gone back at the bank they miss all the while. */
const told = async (id: string): Promise<any[]> =>
  (await itemsOf(admin, id)).filter(({ kind }) => kind !== 'ledger_mismatch');

/** Looked at now, once more, and when the provider's lists have forgotten it, it stays set aside, and is told of once. */
async function staysSetAside(id: string, kind: string): Promise<void> {
  await compare(app);
  const [item] = await eventually(async () => {
    const items = await told(id);
    expect(items).toMatchObject([{ kind, resolved_at: null }]);
    return items;
  });
  for (const days of [0, 3, 10]) {
    await compareIn(app, days);
    expect(await paymentOf(ada, id)).toMatchObject({ needs_review: true });
    expect(await told(id)).toMatchObject([{ id: item.id, first_seen: item.first_seen, resolved_at: null }]);
  }
  expect(timesSetAside(id)).toBe(1);
}

/** It was told of once, and is right again. */
async function isResolved(id: string): Promise<void> {
  expect(await told(id)).toMatchObject([{ resolved_at: expect.any(String) }]);
  expect(await paymentOf(ada, id)).toMatchObject({ needs_review: false });
}

describe('a payment that was set aside', () => {
  it('over a refund beyond what was captured stays so until that is gone, however long ago it was made', async () => {
    const { id, provider_payment_id } = await paid(ada);
    await quiescence(app);
    const refund = await refundAtBank(app, provider_payment_id, { amount: 4_300 });
    await staysSetAside(id, 'status_mismatch');
    expect((await admin.post(`/payments/${id}/sync`)).body).toMatchObject({ needs_review: true });
    expect(timesSetAside(id)).toBe(1);

    await app.sql('DELETE FROM simulator.refunds WHERE id = $1', [refund]);
    await compareIn(app, 10);
    await isResolved(id);
    expect(await paymentOf(ada, id)).toMatchObject({ needs_review: false, amount_refunded: 0 });
  });

  it('before it was confirmed is not tried until a person has looked', async () => {
    const { id, version } = await paid(ada, { confirm: false });
    await app.sql('UPDATE simulator.charges SET amount = amount + 1 WHERE payment_id = $1', [id]);
    expect((await admin.post(`/payments/${id}/sync`)).body).toMatchObject({ needs_review: true });
    const confirm = () => act(ada, id, 'confirm', { payment_method: 'pm_sim_success' });
    expect(await confirm()).toMatchObject({
      status: 409,
      body: { code: 'payment_state_conflict', current_status: 'requires_confirmation' },
    });
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'requires_confirmation', version });
    const [row] = await app.sql('SELECT next_reconcile_at FROM payments WHERE id = $1', [id]);
    expect(row).toEqual({ next_reconcile_at: null });
    expect(await app.sql('SELECT 1 FROM payment_attempts WHERE payment_id = $1', [id])).toEqual([]);

    await app.sql('UPDATE simulator.charges SET amount = amount - 1 WHERE payment_id = $1', [id]);
    expect((await admin.post(`/payments/${id}/sync`)).body).toMatchObject({ needs_review: false });
    expect((await confirm()).body).toMatchObject({ status: 'succeeded' });
  });

  it('over a refund that was made there beside one of ours, of which nobody knows any more, is told of', async () => {
    const { id, provider_payment_id } = await paid(ada);
    await quiescence(app);
    await platform.post('/simulator/faults', { operation: 'refund', next_n: 100, fault: 'drop_before' });
    const ours = await refunded(admin, id);
    await app.sql(
      `UPDATE refunds SET needs_review = true, review_reason = 'key_horizon_passed', next_reconcile_at = NULL WHERE id = $1`,
      [ours.id],
    );
    await platform.post('/simulator/reset');
    await refundAtBank(app, provider_payment_id, { amount: 4_200 });

    for (const days of [0, 1, 3]) {
      await compareIn(app, days);
      expect(await paymentOf(ada, id)).toMatchObject({ needs_review: true, amount_refund_pending: 4_200 });
      const items = (await told(id)).filter(({ object }) => object.type === 'payment');
      expect(items).toMatchObject([{ kind: 'status_mismatch', resolved_at: null }]);
    }
    expect(timesSetAside(id)).toBe(1);
  });

  it('goes on when the refund finds room, and is in the books', async () => {
    const { id, provider_payment_id } = await paid(ada);
    await quiescence(app);
    const first = await refundAtBank(app, provider_payment_id, { amount: 1_000 });
    await compare(app);
    await refundAtBank(app, provider_payment_id, { amount: 4_000 });
    await staysSetAside(id, 'status_mismatch');

    await app.sql(`UPDATE simulator.refunds SET status = 'failed', changed_at = now() WHERE id = $1`, [first]);
    expect((await admin.post(`/payments/${id}/sync`)).status).toBe(200);
    await compareIn(app, 10);
    await isResolved(id);
    expect(await paymentOf(ada, id)).toMatchObject({ needs_review: false, amount_refunded: 4_000 });
    expect(await refundsOf(admin, id)).toMatchObject([{ amount: 4_000, status: 'succeeded' }, { status: 'failed' }]);
    expect((await events(app, id)).slice(-3)).toEqual(['refund_returned', 'refund_requested', 'refund_succeeded']);
  });

  it('over a dispute stays so until that is what it can be, and is in the books', async () => {
    const { id, provider_payment_id } = await paid(ada);
    await quiescence(app);
    const dispute = await disputeAtBank(app, provider_payment_id);
    await app.sql(`UPDATE simulator.disputes SET currency = 'usd' WHERE id = $1`, [dispute]);
    await staysSetAside(id, 'status_mismatch');

    await app.sql(`UPDATE simulator.disputes SET currency = 'eur' WHERE id = $1`, [dispute]);
    expect((await admin.post(`/payments/${id}/sync`)).body).toMatchObject({
      needs_review: false,
      dispute_status: 'needs_response',
    });
    await isResolved(id);
    expect((await events(app, id)).at(-1)).toBe('funds_withdrawn');
  });

  it('over what was captured of it stays so until that is what it can be', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
    await quiescence(app);
    await app.sql(`UPDATE simulator.charges SET status = 'succeeded', amount_received = 0 WHERE payment_id = $1`, [id]);
    await staysSetAside(id, 'amount_mismatch');

    await app.sql('UPDATE simulator.charges SET amount_received = amount WHERE payment_id = $1', [id]);
    await compare(app);
    await isResolved(id);
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'succeeded', needs_review: false });
  });
});
