import { uuidv7 } from '../../src/common/uuid.js';
import { RepaymentComparison } from '../../src/payments/comparison/repayment-comparison.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { events, paid, paymentOf, quiescence, refunded, refundsOf } from '../support/payments.js';
import {
  compare,
  disputeAtBank,
  insertCharge,
  itemsOf,
  refundAtBank,
  RESTLESS,
  untilItems,
} from '../support/reconciliation.js';

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  // What the bank works on, it works on until a test says otherwise.
  app = await startApp({ timings: { ...RESTLESS, simulator_delay_ms: 10 * 60_000 } });
  [ada, admin, platform] = [await app.signUp(), await app.tenantAdmin(), await app.admin()];
});

const refundRow = async (id: string): Promise<any> =>
  (await app.sql('SELECT status, needs_review, review_reason FROM refunds WHERE id = $1', [id]))[0];
const disputesOf = (payment_id: string): Promise<any[]> =>
  app.sql('SELECT id, status, funds, closed, needs_review FROM disputes WHERE payment_id = $1', [payment_id]);

describe('a comparison with the provider', () => {
  it('takes in a refund that was made there and never told', async () => {
    const { id, provider_payment_id } = await paid(ada);
    await quiescence(app);
    await refundAtBank(app, provider_payment_id);
    await compare(app);

    expect(await refundsOf(admin, id)).toMatchObject([{ amount: 1_200, status: 'succeeded', origin: 'provider' }]);
    expect(await paymentOf(ada, id)).toMatchObject({ amount_refunded: 1_200 });
    expect(await itemsOf(admin, id)).toEqual([]);
  });

  it('keeps what it has taken on while it reads refunds that agree, however many there are', async () => {
    const { id } = await paid(ada);
    for (let made = 0; made < 10; made += 1) await refunded(admin, id, { amount: 100 });
    await quiescence(app);
    let beats = 0;
    const beat = async (): Promise<void> => void (beats += 1);
    const since = new Date(Date.now() - 3_600_000);
    const signal = AbortSignal.timeout(30_000);
    await app.app.get(RepaymentComparison, { strict: false }).compare({ since, signal, beat });

    // Once for the provider's, and once for ours.
    expect(beats).toBeGreaterThanOrEqual(2 * 10);
    expect((await refundsOf(admin, id)).map(({ status }) => status)).toEqual(Array(10).fill('succeeded'));
    expect(await itemsOf(admin, id)).toEqual([]);
  });

  it('follows a refund that has failed there long after it succeeded', async () => {
    const { id } = await paid(ada);
    const { id: refund_id } = await refunded(admin, id, { amount: 700 });
    await quiescence(app);
    await app.sql(
      `UPDATE simulator.refunds SET status = 'failed', failure_code = 'lost_or_stolen_card' WHERE refund_id = $1`,
      [refund_id],
    );
    await compare(app);

    expect(await refundRow(refund_id)).toMatchObject({ status: 'failed', needs_review: false });
    expect(await paymentOf(ada, id)).toMatchObject({ amount_refunded: 0 });
    expect((await events(app, id)).at(-1)).toBe('refund_returned');
    expect(await itemsOf(admin, id)).toEqual([]);
  });

  it.each([
    [
      'missing_provider',
      `id = id || '_away', refund_id = NULL, created_at = now() - interval '3 days', changed_at = now() - interval '3 days'`,
    ],
    ['amount_mismatch', 'amount = 701'],
    ['currency_mismatch', `currency = 'usd'`],
    ['status_mismatch', `status = 'pending'`],
  ])('writes down a refund’s %s, sets it aside, and takes that back when it is right again', async (kind, wrong) => {
    const { id } = await paid(ada);
    const { id: refund_id } = await refunded(admin, id, { amount: 700 });
    await quiescence(app);
    const [before] = await app.sql('SELECT * FROM simulator.refunds WHERE refund_id = $1', [refund_id]);
    const [{ id: changed }] = await app.sql(`UPDATE simulator.refunds SET ${wrong} WHERE refund_id = $1 RETURNING id`, [
      refund_id,
    ]);
    await compare(app);

    const [item] = await untilItems(admin, id, { [kind]: true });
    expect(item).toMatchObject({ object: { type: 'refund', id: refund_id }, provider_object_id: before.id });
    expect(await refundRow(refund_id)).toMatchObject({ status: 'succeeded', needs_review: true });
    expect(await paymentOf(ada, id)).toMatchObject({ amount_refunded: 700 });

    await app.sql(
      `UPDATE simulator.refunds SET id = $2, refund_id = $3, amount = 700, currency = 'eur', status = 'succeeded' WHERE id = $1`,
      [changed, before.id, refund_id],
    );
    await compare(app);
    await untilItems(admin, id, { [kind]: false });
    expect(await refundRow(refund_id)).toEqual({ status: 'succeeded', needs_review: false, review_reason: null });
  });

  it('leaves a refund set aside that still does not come to its end, until it does', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_refund_pending' });
    const { id: refund_id } = await refunded(admin, id, { amount: 700 });
    const status = (to: string) =>
      app.sql('UPDATE simulator.refunds SET status = $2, settles_at = NULL WHERE refund_id = $1', [refund_id, to]);
    await status('pending');
    await app.sql(
      `UPDATE refunds SET needs_review = true, review_reason = 'stuck', next_reconcile_at = NULL WHERE id = $1`,
      [refund_id],
    );
    await compare(app);
    await untilItems(admin, id, { stuck: true });
    expect(await refundRow(refund_id)).toEqual({ status: 'pending', needs_review: true, review_reason: 'stuck' });

    await status('succeeded');
    await compare(app);
    await untilItems(admin, id, { stuck: false });
    expect(await refundRow(refund_id)).toEqual({ status: 'succeeded', needs_review: false, review_reason: null });
  });

  it('tells platform admins of a refund that bears our name and is of no payment here, until it is gone', async () => {
    const charge = await insertCharge(app, { hours_ago: 72 });
    const [ours, others] = [await refundAtBank(app, charge, { refund_id: uuidv7() }), await refundAtBank(app, charge)];
    await compare(app);
    const about = async (id: string) =>
      (await platform.get('/reconciliation/items?limit=100')).body.data.filter(({ object }: any) => object.id === id);

    expect(await about(ours)).toMatchObject([
      { kind: 'missing_local', object: { type: 'refund' }, seen: { amount: 1_200, status: 'succeeded' } },
    ]);
    expect(await about(others)).toEqual([]);
    await app.sql('DELETE FROM simulator.refunds WHERE charge_id = $1', [charge]);
    await compare(app);
    expect(await about(ours)).toMatchObject([{ resolved_at: expect.any(String) }]);
  });

  it('takes in a dispute that was opened there and never told, and its end', async () => {
    const { id, provider_payment_id } = await paid(ada);
    await quiescence(app);
    const dispute = await disputeAtBank(app, provider_payment_id);
    await compare(app);
    expect(await disputesOf(id)).toMatchObject([{ status: 'needs_response', funds: 'withdrawn', closed: false }]);

    await app.sql(`UPDATE simulator.disputes SET status = 'won', funds = 'reinstated' WHERE id = $1`, [dispute]);
    await compare(app);
    expect(await disputesOf(id)).toMatchObject([{ status: 'won', funds: 'reinstated', closed: true }]);
    expect(await itemsOf(admin, id)).toEqual([]);
  });

  it('writes down a dispute that the provider does not have any more, until it has', async () => {
    const { id, provider_payment_id } = await paid(ada);
    await quiescence(app);
    const dispute = await disputeAtBank(app, provider_payment_id);
    await compare(app);
    await app.sql(
      `UPDATE simulator.disputes SET id = id || '_away', changed_at = now() - interval '3 days' WHERE id = $1`,
      [dispute],
    );
    await compare(app);
    await untilItems(admin, id, { missing_provider: true });
    expect(await disputesOf(id)).toMatchObject([{ needs_review: true, funds: 'withdrawn' }]);

    await app.sql('UPDATE simulator.disputes SET id = $1 WHERE payment_id = $2', [dispute, id]);
    await compare(app);
    await untilItems(admin, id, { missing_provider: false });
    expect(await disputesOf(id)).toMatchObject([{ needs_review: false, funds: 'withdrawn' }]);
  });
});

describe('POST /payments/{id}/sync', () => {
  it('follows refunds and disputes of the payment, too', async () => {
    const { id, provider_payment_id } = await paid(ada);
    await quiescence(app);
    await refundAtBank(app, provider_payment_id);

    expect((await admin.post(`/payments/${id}/sync`)).body).toMatchObject({ id, amount_refunded: 1_200 });
  });
});

describe('alerts', () => {
  it('tell of a refund that waits for a person', async () => {
    const { id } = await paid(ada);
    const { id: refund_id } = await refunded(admin, id, { amount: 700 });
    await quiescence(app);
    await app.sql(`UPDATE refunds SET needs_review = true, review_reason = 'made_twice' WHERE id = $1`, [refund_id]);

    expect(await untilItems(admin, id, { status_mismatch: true })).toMatchObject([
      { object: { type: 'refund', id: refund_id }, seen: { reason: 'made_twice' } },
    ]);
  });
});
