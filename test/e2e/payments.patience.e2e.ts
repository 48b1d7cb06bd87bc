import { randomUUID } from 'node:crypto';
import { Checkpoints } from '../../src/common/checkpoints.js';
import { Database } from '../../src/database/database.js';
import { PaymentGateway, ProviderForbiddenError } from '../../src/payments/gateways/payment.gateway.js';
import { ProviderMisconfiguredError } from '../../src/payments/payments.errors.js';
import { Completer } from '../../src/payments/recovery/completer.js';
import { Reconciler } from '../../src/payments/recovery/reconciler.js';
import { RefundReconciler } from '../../src/payments/recovery/refund-reconciler.js';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { lockWaits, whileLocked } from '../support/connections.js';
import { eventually } from '../support/eventually.js';
import {
  act,
  brokenInvariants,
  paid,
  pay,
  paymentOf,
  refunded,
  timesCharged,
  UNHURRIED_PAYMENTS,
} from '../support/payments.js';
import { compareIn } from '../support/reconciliation.js';
import { Signal } from '../support/signal.js';

jest.setTimeout(120_000);

let app: TestApp;
let ada: Client;
let platform: Client;
beforeAll(async () => {
  // Nobody looks and nobody tells but when a test says so.
  const timings = { ...UNHURRIED_PAYMENTS, reconcile_poll_ms: 3_600_000, simulator_poll_ms: 3_600_000 };
  app = await startApp({ timings });
  ada = await app.signUp();
  platform = await app.admin();
});
afterEach(async () => succeed(await platform.post('/simulator/reset')));

const reconcile = (): Promise<number> => app.app.get(Reconciler, { strict: false }).round(new AbortController().signal);

/** It is due, and was asked for so often. */
const due = (id: string, questions: number): Promise<unknown> =>
  app.sql('UPDATE payments SET reconcile_attempts = $2, next_reconcile_at = now() WHERE id = $1', [id, questions]);

const cancels = (id: string): Promise<{ state: string; error_code: string | null }[]> =>
  app.sql(`SELECT state, error_code FROM provider_operations WHERE payment_id = $1 AND operation = 'cancel'`, [id]);

/** In milliseconds. */
const untilNextLook = async (id: string): Promise<number> => {
  const [row] = await app.sql(
    'SELECT extract(epoch FROM next_reconcile_at - now()) * 1000 AS wait_ms FROM payments WHERE id = $1',
    [id],
  );
  return Number(row.wait_ms);
};

describe('a payment that nobody has authenticated for a week', () => {
  const forgotten = async (): Promise<string> => {
    const { id, status } = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
    expect(status).toBe('requires_action');
    await due(id, 100);
    return id;
  };

  it('is canceled', async () => {
    const id = await forgotten();
    await reconcile();

    expect((await paymentOf(ada, id)).status).toBe('canceled');
    expect(await cancels(id)).toEqual([{ state: 'succeeded', error_code: null }]);
  });

  it('is tried to be canceled once in a round where the provider does not answer, and again in the next', async () => {
    const id = await forgotten();
    // More than are ordered by the API: it would never end.
    await app.sql(`INSERT INTO simulator.faults (operation, fault, remaining) VALUES ('cancel', 'server_error', 1000)`);
    await reconcile();

    expect(await cancels(id)).toEqual([{ state: 'unknown', error_code: 'server_error' }]);
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'requires_action', needs_review: false });
    expect(await untilNextLook(id)).toBeGreaterThan(1_000);

    await platform.post('/simulator/reset');
    await due(id, 101);
    await reconcile();
    expect((await paymentOf(ada, id)).status).toBe('canceled');
  });

  it('whose payer comes between our question and our cancellation is paid, and is found so at once', async () => {
    const id = await forgotten();
    const database = app.app.get(Database, { strict: false });
    const reconciler = app.app.get(Reconciler, { strict: false });
    // It holds up what follows from the first answer, by which the payer has not come yet.
    const { looking } = await whileLocked(app, 'SELECT 1 FROM payments WHERE id = $1 FOR UPDATE', [id], async () => {
      const looking = database.asTenant(ada.user.tenant_id, () => reconciler.reconcile(id));
      await lockWaits(app);
      succeed(await platform.post(`/simulator/payments/${id}/authenticate`, { outcome: 'success' }));
      return { looking };
    });

    expect(await looking).toMatchObject({ status: 'succeeded' });
    expect(await cancels(id)).toEqual([{ state: 'rejected', error_code: 'unexpected_state' }]);
    expect(await timesCharged(app, id)).toBe(1);
  });

  it('and is in the middle of it at the provider then is left to it, and asked for until it has ended', async () => {
    const id = await forgotten();
    await app.sql(`UPDATE simulator.charges SET status = 'processing' WHERE payment_id = $1`, [id]);
    await reconcile();

    expect(await cancels(id)).toEqual([]);
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'requires_action', needs_review: false });
    expect(await untilNextLook(id)).toBeGreaterThan(1_000);

    await app.sql(`UPDATE simulator.charges SET settles_at = now(), settles_to = 'succeed' WHERE payment_id = $1`, [
      id,
    ]);
    await due(id, 101);
    await reconcile();
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'succeeded', amount_captured: 4_200 });
  });
});

describe('a payment that is canceled before the provider has it', () => {
  /** Canceled while its creation is held up, which then goes on. @returns its id, and what the client is answered. */
  async function overtaken(): Promise<{ id: string; answer: any }> {
    const canceled = new Signal();
    const checkpoints = app.app.get(Checkpoints);
    const passes = checkpoints.reach;
    checkpoints.reach = (name) => (name === 'payment.recorded' ? canceled.given : passes(name));
    const reference = randomUUID();
    const answer = pay(ada, { reference });
    try {
      const id = await eventually(async () => {
        const [row] = await app.sql('SELECT id FROM payments WHERE reference = $1', [reference]);
        return row?.id ?? false;
      });
      succeed(await act(ada, id, 'cancel'));
      canceled.give();
      return { id, answer: await answer };
    } finally {
      checkpoints.reach = passes;
      canceled.give();
    }
  }

  const atBank = async (id: string): Promise<string[]> =>
    (await app.sql('SELECT status FROM simulator.charges WHERE payment_id = $1', [id])).map(({ status }) => status);

  const isInOrder = async (id: string): Promise<void> => {
    expect(await atBank(id)).toEqual(['canceled']);
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'canceled', needs_review: false });
    expect(
      await app.sql('SELECT 1 FROM reconciliation_items WHERE payment_id = $1 AND resolved_at IS NULL', [id]),
    ).toEqual([]);
  };

  it('is canceled there as soon as it is made, and nobody can pay it', async () => {
    const { id, answer } = await overtaken();
    expect(answer).toMatchObject({ status: 201, body: { status: 'canceled' } });
    await compareIn(app, 0);
    await isInOrder(id);
    const secret = await ada.get(`/payments/${id}/client-secret`);
    expect(secret).toMatchObject({ status: 409, body: { code: 'payment_state_conflict', current_status: 'canceled' } });
  });

  it('is canceled there by the next comparison, where the provider was away just then', async () => {
    await app.sql(`INSERT INTO simulator.faults (operation, fault, remaining) VALUES ('cancel', 'server_error', 1000)`);
    const { id, answer } = await overtaken();
    expect(answer).toMatchObject({ status: 201, body: { status: 'canceled' } });
    expect(await atBank(id)).toEqual(['requires_confirmation']);

    await platform.post('/simulator/reset');
    await compareIn(app, 0);
    await isInOrder(id);
  });
});

describe('a provider that refuses our key', () => {
  const QUESTIONS = 40;

  /** @param name - the question to the provider that is refused meanwhile. */
  async function whileRefused(name: 'fetch' | 'fetchRefund', work: () => Promise<unknown>): Promise<void> {
    const gateway = app.app.get(PaymentGateway, { strict: false });
    Object.assign(gateway, { [name]: () => Promise.reject(new ProviderForbiddenError('The key is refused')) });
    for (let question = 0; question < QUESTIONS; question += 1) {
      await expect(work()).rejects.toThrow(ProviderMisconfiguredError);
    }
    delete (gateway as Partial<PaymentGateway>)[name];
  }

  it('uses up nobody’s patience: who waits for the payer then waits on', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
    await whileRefused('fetch', async () => {
      await app.sql('UPDATE payments SET next_reconcile_at = now() WHERE id = $1', [id]);
      await reconcile();
    });
    await app.sql('UPDATE payments SET next_reconcile_at = now() WHERE id = $1', [id]);
    await reconcile();

    expect((await paymentOf(ada, id)).status).toBe('requires_action');
    const [row] = await app.sql('SELECT reconcile_attempts FROM payments WHERE id = $1', [id]);
    expect(row).toEqual({ reconcile_attempts: 1 });
  });

  it('sets no refund aside', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_refund_pending' });
    const { id: refund_id } = await refunded(await app.tenantAdmin(), id);
    const refunds = app.app.get(RefundReconciler, { strict: false });
    await whileRefused('fetchRefund', async () => {
      await app.sql('UPDATE refunds SET next_reconcile_at = now() WHERE id = $1', [refund_id]);
      await refunds.round(new AbortController().signal);
    });

    const [row] = await app.sql('SELECT needs_review, reconcile_attempts FROM refunds WHERE id = $1', [refund_id]);
    expect(row).toEqual({ needs_review: false, reconcile_attempts: 0 });
  });
});

describe('a payment of which nobody knows whether the provider has it, and whose client is gone', () => {
  /** @returns its key. */
  const leftBehind = async (fault: string): Promise<string> => {
    const key = randomUUID();
    await platform.post('/simulator/faults', { operation: 'create', fault, next_n: 2 });
    expect((await pay(ada, { confirm: false }, key)).status).toBe(503);
    return key;
  };

  /** Has what nobody came back to for so long be answered. @returns whether this request was. */
  const answered = async (key: string, age = '1 hour'): Promise<boolean> => {
    await app.sql(
      `UPDATE idempotency_keys SET locked_until = now() - interval '1 second', last_run_at = now() - $2::interval,
         created_at = now() - $2::interval WHERE key = $1 AND finished_at IS NULL`,
      [key, age],
    );
    await app.app.get(Completer, { strict: false }).round();
    const [row] = await app.sql('SELECT finished_at, payment_id FROM idempotency_keys WHERE key = $1', [key]);
    await due(row.payment_id, 0);
    return row.finished_at !== null;
  };

  const again = (key: string): Promise<any> => pay(ada, { confirm: false }, key);

  it('is answered when that is known, and not that it is there where it is about to be canceled', async () => {
    const key = await leftBehind('drop_before');
    expect(await answered(key)).toBe(false);
    await reconcile();
    expect(await answered(key)).toBe(true);

    expect((await again(key)).body).toMatchObject({ status: 409, code: 'request_abandoned' });
  });

  it('is there where the provider has made it', async () => {
    const key = await leftBehind('drop_after');
    expect(await answered(key)).toBe(false);
    await reconcile();
    expect(await answered(key)).toBe(true);

    expect(await again(key)).toMatchObject({ status: 201, body: { status: 'requires_confirmation' } });
  });

  it('is abandoned in the answer that is due within a day, where the provider is away for so long', async () => {
    const key = await leftBehind('drop_before');
    expect(await answered(key, '24 hours')).toBe(true);

    expect((await again(key)).body).toMatchObject({ status: 409, code: 'request_abandoned' });
  });
});

it('after all of it the books are in order', async () => {
  expect(await brokenInvariants(app)).toEqual([]);
});
