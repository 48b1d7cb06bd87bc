import { randomUUID } from 'node:crypto';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import {
  act,
  events,
  insertPayments,
  ORDER,
  paid,
  pay,
  paymentOf,
  quiescence,
  refund,
  refundsOf,
  timesCharged,
} from '../support/payments.js';

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  ada = await app.signUp();
  admin = await app.tenantAdmin();
  platform = await app.admin();
});

describe('a payment of a provider that is in force no more', () => {
  /** As it lies there once PAYMENT_PROVIDER was changed. */
  async function left(status: string): Promise<string> {
    const [id] = await insertPayments(app, [ada.user]);
    await app.sql(
      `UPDATE payments SET provider = 'stripe', provider_payment_id = 'pi_' || id, status = $2, next_reconcile_at = now(),
         amount_authorized = $3, amount_captured = $3, captured_at = now() WHERE id = $1`,
      [id, status, status === 'succeeded' ? ORDER.amount : 0],
    );
    return id!;
  }

  it('is left alone: nobody else knows how it stands', async () => {
    const id = await left('processing');
    // Due later than that one, and looked after.
    const other = await paid(ada, { payment_method: 'pm_sim_webhook_never' });
    await app.sql(`UPDATE payments SET next_reconcile_at = now() WHERE id = $1`, [other.id]);
    await quiescenceBut(id);

    const [row] = await app.sql('SELECT status, needs_review, reconcile_attempts FROM payments WHERE id = $1', [id]);
    expect(row).toEqual({ status: 'processing', needs_review: false, reconcile_attempts: 0 });
    await app.sql(`UPDATE payments SET needs_review = true WHERE id = $1`, [id]);
  });

  const REFUSED = { status: 503, body: { code: 'provider_misconfigured' } };

  it('cannot be canceled, and its secret cannot be had', async () => {
    const id = await left('requires_confirmation');

    expect(await act(ada, id, 'cancel')).toMatchObject(REFUSED);
    expect(await ada.get(`/payments/${id}/client-secret`)).toMatchObject(REFUSED);
    expect(await askedOf(id)).toEqual(['create']);
  });

  it('cannot be tried again, nor captured: it stays as it was', async () => {
    const [prepared, held] = [await left('requires_confirmation'), await left('requires_capture')];
    expect(await act(ada, prepared, 'confirm', { payment_method: ORDER.payment_method })).toMatchObject(REFUSED);
    expect(await act(admin, held, 'capture')).toMatchObject(REFUSED);

    expect(await app.sql('SELECT status FROM payments WHERE id = $1', [prepared])).toEqual([
      { status: 'requires_confirmation' },
    ]);
    expect(await app.sql('SELECT 1 FROM payment_attempts WHERE payment_id = $1', [prepared])).toEqual([]);
    expect([...(await askedOf(prepared)), ...(await askedOf(held))]).toEqual(['create', 'create']);
  });

  it('cannot be given back here, and no refund of it is promised', async () => {
    const id = await left('succeeded');
    expect(await refund(admin, id)).toMatchObject(REFUSED);

    expect(await refundsOf(admin, id)).toEqual([]);
    expect(await paymentOf(ada, id)).toMatchObject({ amount_refund_pending: 0, amount_refunded: 0 });
    expect(await events(app, id)).toEqual([]);
    expect(await askedOf(id)).toEqual(['create']);
  });

  afterEach(() => app.sql(`DELETE FROM idempotency_keys WHERE finished_at IS NULL`));

  /** What is written down to be asked of the provider. */
  const askedOf = async (id: string): Promise<string[]> =>
    (await app.sql('SELECT operation FROM provider_operations WHERE payment_id = $1', [id])).map(
      ({ operation }) => operation,
    );

  const quiescenceBut = async (id: string): Promise<void> => {
    await app.sql(`UPDATE payments SET needs_review = true WHERE id = $1`, [id]);
    await quiescence(app);
    await app.sql(`UPDATE payments SET needs_review = false WHERE id = $1`, [id]);
  };
});

describe('what is asked of the provider', () => {
  it('and refused for its payment method is refused again in the same words, under the same key', async () => {
    const key = randomUUID();
    const first = await pay(ada, { payment_method: 'pm_nobody' }, key);
    const second = await pay(ada, { payment_method: 'pm_nobody' }, key);

    expect(first).toMatchObject({ status: 422, body: { code: 'validation_failed' } });
    expect(second.text).toBe(first.text);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
  });

  it('by an admin is written down as the admin’s', async () => {
    // No webhook of it is taken, and it is not looked at: the provider's own news may come first, and is nobody's.
    const { id } = await paid(ada, { capture_method: 'manual', payment_method: 'pm_sim_webhook_bad_signature' });
    await app.sql(`UPDATE payments SET next_reconcile_at = now() + interval '1 day' WHERE id = $1`, [id]);
    await act(admin, id, 'capture');
    const steps = await app.sql(
      'SELECT to_status, actor_id FROM payment_transitions WHERE payment_id = $1 ORDER BY version',
      [id],
    );

    expect(steps.at(0)).toMatchObject({ actor_id: ada.user.id });
    expect(steps.at(-1)).toEqual({ to_status: 'succeeded', actor_id: admin.user.id });
  });

  it('by several who sync at once is asked, and nobody is told of a failure', async () => {
    await platform.post('/simulator/faults', { operation: 'confirm', next_n: 2, fault: 'drop_before' });
    const { body } = await pay(ada, ORDER);
    const answers = await Promise.all(Array.from({ length: 6 }, () => admin.post(`/payments/${body.id}/sync`)));

    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(await timesCharged(app, body.id)).toBe(0);
    await platform.post('/simulator/reset');
  });
});
