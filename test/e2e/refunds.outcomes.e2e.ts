import { randomBytes, randomUUID } from 'node:crypto';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { TestDatabase } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import {
  brokenInvariants,
  events,
  paid,
  paymentOf,
  quiescence,
  refund,
  refunded,
  refundedAtBank,
  refundsOf,
  UNHURRIED_PAYMENTS,
  untilRefund,
} from '../support/payments.js';

jest.setTimeout(60_000);

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  app = await startApp({ timings: UNHURRIED_PAYMENTS });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
  platform = await app.admin();
});

const untilReview = async (refund_id: string, of = app, by = admin): Promise<any> => {
  await eventually(
    async () => (await of.sql('SELECT 1 FROM refunds WHERE id = $1 AND needs_review', [refund_id])).length > 0,
    { within: 30_000 },
  );
  const { body } = await by.get('/refunds?needs_review=true&limit=100');
  return { data: body.data.filter(({ id }: any) => id === refund_id) };
};

describe('a refund that', () => {
  it('takes a while is pending, and counts until it has succeeded', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_card_pendingRefund' });
    const pending = await refunded(admin, id, { amount: 4_000 });
    // The bank's news may be faster than its answer.
    expect(pending).toMatchObject({ provider_refund_id: expect.any(String) });
    expect(['pending', 'succeeded']).toContain(pending.status);
    expect((await refund(admin, id, { amount: 201 })).body).toMatchObject({ max_refundable: 200 });

    await untilRefund(admin, pending.id, 'succeeded');
    expect(await paymentOf(ada, id)).toMatchObject({ amount_refunded: 4_000, amount_refund_pending: 0 });
    expect(await events(app, id)).toEqual(['captured', 'refund_requested', 'refund_succeeded']);
  });

  it('takes a while, and of which nobody tells, is asked for', async () => {
    const deaf = await startApp({ timings: { simulator_poll_ms: 3_600_000 }, database: 'own' });
    const [user, chief] = [await deaf.signUp(), await deaf.tenantAdmin()];
    const { id } = await paid(user, { payment_method: 'pm_sim_refund_pending' });
    const pending = await refunded(chief, id);
    await untilRefund(chief, pending.id, 'succeeded');
    await deaf.close();
  });

  it('is returned by the payer’s bank has failed, and can be given again', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_card_refundFail' });
    const made = await refunded(admin, id, { amount: 4_200 });
    expect(['succeeded', 'failed']).toContain(made.status);
    const failed = await untilRefund(admin, made.id, 'failed');

    expect(failed.failure_code).toBe('expired_or_canceled_card');
    expect(await paymentOf(ada, id)).toMatchObject({ amount_refunded: 0, refund_status: 'none', status: 'succeeded' });
    expect(await events(app, id)).toEqual(['captured', 'refund_requested', 'refund_succeeded', 'refund_returned']);
    expect((await refund(admin, id)).status).toBe(201);
  });

  it('is never answered is one refund at the bank', async () => {
    const [{ id }, key] = [await paid(ada, { payment_method: 'pm_sim_refund_timeout' }), randomUUID()];
    // Who asks here does not wait long for the bank.
    const hurried = await startApp({ settings: { PROCESS_ROLE: 'api' }, timings: { payment_answer_ms: 2_000 } });
    const chief = await hurried.logIn(admin);
    const { status, body } = await refund(chief, id, { amount: 1_200 }, key);
    // A webhook may have told of it before the request gave up.
    expect({ status, stands: ['pending', 'succeeded'].includes(body.status) }).toEqual({ status: 201, stands: true });

    await untilRefund(admin, body.id, 'succeeded');
    expect((await refund(chief, id, { amount: 1_200 }, key)).body).toEqual(body);
    expect(await refundedAtBank(app, id)).toBe(1_200);
    expect(await refundsOf(admin, id)).toHaveLength(1);
    await hurried.close();
  });

  it.each(['drop_before', 'drop_after', 'half_response', 'server_error', 'rate_limited', 'error_but_done'])(
    'meets %s is one refund',
    async (fault) => {
      const { id } = await paid(ada);
      await platform.post('/simulator/faults', { operation: 'refund', next_n: 2, fault });
      const { status, body } = await refund(admin, id, { amount: 900 });
      expect(status).toBe(201);

      await untilRefund(admin, body.id, 'succeeded');
      await platform.post('/simulator/reset');
      expect(await refundedAtBank(app, id)).toBe(900);
      expect(await refundsOf(admin, id)).toHaveLength(1);
    },
  );

  it('may not have arrived is looked for by our id before it is sent again, though the bank has forgotten the key', async () => {
    const { id } = await paid(ada);
    await platform.post('/simulator/faults', { operation: 'refund', next_n: 1, fault: 'drop_after' });
    // The list cannot be had either, so that the request ends without knowing.
    await platform.post('/simulator/faults', { operation: 'fetch', next_n: 100, fault: 'rate_limited' });
    const { body } = await refund(admin, id, { amount: 800 });
    expect(body).toMatchObject({ status: 'pending', provider_refund_id: null });
    await app.sql(`DELETE FROM simulator.requests WHERE key LIKE 'pay:' || $1 || ':%'`, [id]);
    await platform.post('/simulator/reset');

    await untilRefund(admin, body.id, 'succeeded');
    expect(await refundedAtBank(app, id)).toBe(800);
  });

  it('did not arrive before the provider forgot the key is not sent again: a person must look', async () => {
    const database = await TestDatabase.create();
    const SECRET_KEY = randomBytes(32).toString('base64url');
    // Nobody comes between: who would send it again begins when the key is forgotten.
    const asking = await startApp({
      database,
      settings: { SECRET_KEY, PROCESS_ROLE: 'api' },
      timings: UNHURRIED_PAYMENTS,
    });
    const [user, chief, bank] = [await asking.signUp(), await asking.tenantAdmin(), await asking.admin()];
    const { id } = await paid(user);
    await bank.post('/simulator/faults', { operation: 'refund', next_n: 100, fault: 'drop_before' });
    const { body } = await refund(chief, id, { amount: 800 });
    await asking.sql(`UPDATE provider_operations SET post_until = now() WHERE refund_id = $1`, [body.id]);
    await bank.post('/simulator/reset');
    const working = await startApp({ database, settings: { SECRET_KEY, PROCESS_ROLE: 'worker' } });

    const { data } = await untilReview(body.id, asking, chief);
    expect(data).toMatchObject([{ status: 'pending' }]);
    expect(await refundedAtBank(asking, id)).toBe(0);
    expect(await paymentOf(user, id)).toMatchObject({ amount_refund_pending: 800 });
    await Promise.all([asking.close(), working.close()]);
  });

  it('never comes to an end is for a person', async () => {
    const slow = await startApp({ database: 'own', timings: { simulator_delay_ms: 3_600_000 } });
    const [user, chief] = [await slow.signUp(), await slow.tenantAdmin()];
    const { id } = await paid(user, { payment_method: 'pm_sim_refund_pending' });
    const pending = await refunded(chief, id);
    await slow.sql('UPDATE refunds SET reconcile_attempts = 100, next_reconcile_at = now() WHERE id = $1', [
      pending.id,
    ]);
    await untilReview(pending.id, slow, chief);
    const [row] = await slow.sql('SELECT review_reason FROM refunds WHERE id = $1', [pending.id]);

    expect(row.review_reason).toBe('stuck');
    expect(await brokenInvariants(slow)).toEqual([]);
    await slow.close();
  });
});

describe('a refund that is made at the bank itself', () => {
  it('is taken in, and posted', async () => {
    const { id } = await paid(ada);
    const { status, body } = await platform.post('/simulator/dashboard-refund', { payment_id: id, amount: 1_500 });
    expect({ status, body }).toMatchObject({ status: 200, body: { amount: 1_500, currency: 'eur', refund_id: null } });
    await quiescence(app);

    expect(await refundsOf(admin, id)).toMatchObject([
      { origin: 'provider', status: 'succeeded', amount: 1_500, provider_refund_id: body.id, metadata: {} },
    ]);
    expect(await paymentOf(ada, id)).toMatchObject({ amount_refunded: 1_500, refund_status: 'partial' });
    expect(await events(app, id)).toEqual(['captured', 'refund_requested', 'refund_succeeded']);
    const { body: charges } = await platform.get(`/simulator/charges?payment_id=${id}`);
    expect(charges.data).toMatchObject([{ times_charged: 1, refunds: [{ id: body.id, amount: 1_500 }] }]);
  });

  it('leaves less than we know of: who asks for more gets what is left', async () => {
    const deaf = await startApp({ database: 'own', timings: { simulator_poll_ms: 3_600_000 } });
    const [user, chief, top] = [await deaf.signUp(), await deaf.tenantAdmin(), await deaf.admin()];
    const { id } = await paid(user);
    await top.post('/simulator/dashboard-refund', { payment_id: id, amount: 4_000 });
    const answer = await refund(chief, id);

    expect(answer).toMatchObject({ status: 422, body: { code: 'refund_exceeds_captured', max_refundable: 200 } });
    expect((await refundsOf(chief, id)).map(({ status, origin }) => `${origin} ${status}`).toSorted()).toEqual([
      'api failed',
      'provider succeeded',
    ]);
    expect((await refunded(chief, id)).amount).toBe(200);
    expect(await refundedAtBank(deaf, id)).toBe(4_200);
    expect(await brokenInvariants(deaf)).toEqual([]);
    await deaf.close();
  });

  it('is never more than there was', async () => {
    const { id } = await paid(ada);
    const more = await platform.post('/simulator/dashboard-refund', { payment_id: id, amount: 4_201 });
    expect(more).toMatchObject({ status: 422, body: { code: 'refund_exceeds_captured' } });
    const waiting = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
    const early = await platform.post('/simulator/dashboard-refund', { payment_id: waiting.id });
    expect(early).toMatchObject({ status: 409, body: { code: 'payment_state_conflict' } });
    const nobody = await platform.post('/simulator/dashboard-refund', { payment_id: randomUUID() });
    expect(nobody).toMatchObject({ status: 404, body: { code: 'payment_not_found' } });
  });
});

it('after all of it the books are in order, and the bank has the same', async () => {
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
  const differing = await app.sql(
    `SELECT r.id FROM refunds r LEFT JOIN simulator.refunds b ON b.id = r.provider_refund_id
     WHERE NOT r.needs_review AND b.status IS DISTINCT FROM r.status AND r.failure_code IS NULL`,
  );
  expect(differing).toEqual([]);
});
