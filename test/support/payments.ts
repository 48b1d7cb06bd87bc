import { randomUUID } from 'node:crypto';
import { uuidv7 } from '../../src/common/uuid.js';
import { Invariants } from '../../src/payments/invariants/invariants.js';
import type { TestApp } from './app.js';
import { succeed, type Answer, type Client } from './client.js';
import { eventually } from './eventually.js';
import { lookAfterPayments } from './stage.js';

lookAfterPayments();

/**
 * Where a machine that is busy is no affair of the test: no payment is left undone since its time was up, and nobody takes
 * one over whose request is still under way, or takes its client for gone.
 */
export const UNHURRIED_PAYMENTS = { payment_answer_ms: 60_000, payment_lease_ms: 60_000 };

/** An order that nobody has to think about. */
export const ORDER = { amount: 4_200, currency: 'EUR', payment_method: 'pm_sim_success' };

export const withKey = (key: string = randomUUID()): Record<string, string> => ({ 'idempotency-key': key });

/** Somebody's payment with a key of its own, whatever the answer. */
export const pay = (client: Client, changes: object = {}, key?: string): Promise<Answer> =>
  client.post('/payments', { ...ORDER, ...changes }, withKey(key));

/** The payment that a good order makes. */
export const paid = async (client: Client, changes: object = {}): Promise<any> => succeed(await pay(client, changes));

/** What may be done with one, with a key of its own. */
export const act = (client: Client, id: string, action: string, body: object = {}, key?: string): Promise<Answer> =>
  client.post(`/payments/${id}/${action}`, body, withKey(key));

export const paymentOf = async (client: Client, id: string): Promise<any> =>
  succeed(await client.get(`/payments/${id}`));

/** Until the payment has one of these statuses. */
export const untilStatus = (client: Client, id: string, ...statuses: string[]): Promise<any> =>
  eventually(
    async () => {
      const payment = await paymentOf(client, id);
      if (!statuses.includes(payment.status)) throw new Error(`It is ${payment.status}: ${JSON.stringify(payment)}`);
      return payment;
    },
    { within: 30_000 },
  );

/** How often the bank has taken money for a payment. */
export const timesCharged = async (app: TestApp, payment_id: string): Promise<number> => {
  const [row] = await app.sql(
    `SELECT count(*)::int FROM simulator.movements WHERE kind = 'charge' AND payment_id = $1`,
    [payment_id],
  );
  return row.count;
};

export const postings = async (app: TestApp, payment_id: string): Promise<number> => {
  const [row] = await app.sql('SELECT count(*)::int FROM ledger_transactions WHERE payment_id = $1', [payment_id]);
  return row.count;
};

/** I1 to I10. */
export const brokenInvariants = (app: TestApp): Promise<unknown[]> =>
  app.app.get(Invariants, { strict: false }).check();

/** A refund of a payment with a key of its own, whatever the answer. */
export const refund = (client: Client, payment_id: string, body: object = {}, key?: string): Promise<Answer> =>
  act(client, payment_id, 'refunds', body, key);

/** The refund that a good request makes. */
export const refunded = async (client: Client, payment_id: string, body: object = {}): Promise<any> =>
  succeed(await refund(client, payment_id, body));

export const refundsOf = async (client: Client, payment_id: string): Promise<any[]> =>
  succeed(await client.get(`/payments/${payment_id}/refunds?limit=100`)).data;

/** Until the refund has one of these statuses. */
export const untilRefund = (client: Client, id: string, ...statuses: string[]): Promise<any> =>
  eventually(
    async () => {
      const found = succeed(await client.get(`/refunds/${id}`));
      if (!statuses.includes(found.status)) throw new Error(`It is ${found.status}: ${JSON.stringify(found)}`);
      return found;
    },
    { within: 30_000 },
  );

/** Until the payment's only dispute is as it should be. */
export const untilDispute = (client: Client, payment_id: string, expected: object): Promise<any> =>
  eventually(
    async () => {
      const { data } = succeed(await client.get('/disputes?limit=100'));
      const dispute = data.find((one: any) => one.payment_id === payment_id);
      const fits = Object.entries(expected).every(([name, value]) => dispute?.[name] === value);
      if (!fits) throw new Error(`It is ${JSON.stringify(dispute)}`);
      return dispute;
    },
    { within: 30_000 },
  );

/** What has gone back at the bank, or will, as it counts. */
export const refundedAtBank = async (app: TestApp, payment_id: string): Promise<number> => {
  const [row] = await app.sql(
    `SELECT coalesce(sum(amount), 0)::int AS sum FROM simulator.refunds WHERE payment_id = $1 AND status <> 'failed'`,
    [payment_id],
  );
  return row.sum;
};

/** Facts in the books about a payment, in the order in which they were written. */
export const events = async (app: TestApp, payment_id: string): Promise<string[]> =>
  (await app.sql('SELECT event FROM ledger_transactions WHERE payment_id = $1 ORDER BY id', [payment_id])).map(
    ({ event }) => event,
  );

/** Until nothing waits: no payment and no refund is in motion, no key is unfinished, nothing waits in inbox or outbox. */
export const quiescence = (app: TestApp, within = 60_000): Promise<unknown> =>
  eventually(
    async () => {
      const [left] = await app.sql(
        `SELECT (SELECT count(*)::int FROM payments WHERE status = 'processing' AND NOT needs_review) AS processing,
           (SELECT count(*)::int FROM refunds WHERE status = 'pending' AND NOT needs_review) AS refunding,
           (SELECT count(*)::int FROM simulator.refunds WHERE settles_at IS NOT NULL) AS settling,
           (SELECT count(*)::int FROM simulator.disputes WHERE next_at IS NOT NULL) AS disputing,
           (SELECT count(*)::int FROM idempotency_keys WHERE finished_at IS NULL) AS unfinished,
           (SELECT count(*)::int FROM outbox WHERE status = 'pending' AND topic <> 'mail') AS outbox,
           (SELECT count(*)::int FROM webhook_events WHERE status = 'received') AS inbox,
           (SELECT count(*)::int FROM simulator.events WHERE delivered_at IS NULL AND given_up_at IS NULL) AS untold`,
      );
      if (Object.values(left).some((count) => count !== 0)) throw new Error(`Not quiet: ${JSON.stringify(left)}`);
    },
    { within },
  );

/** A refund and a dispute of each of these payments, of which nothing came: without the work of one. */
export async function insertRepayments(
  app: TestApp,
  payment_ids: readonly string[],
): Promise<{ refund_id: string; dispute_id: string }[]> {
  const rows = payment_ids.map((payment_id) => ({ payment_id, refund_id: uuidv7(), dispute_id: uuidv7() }));
  await app.sql(
    `WITH given AS (
       SELECT r.*, p.tenant_id, p.currency, p.provider
       FROM json_to_recordset($1) AS r (payment_id uuid, refund_id uuid, dispute_id uuid) JOIN payments p ON p.id = payment_id
     ), made AS (
       INSERT INTO refunds (id, tenant_id, payment_id, currency, provider, amount, status, origin)
       SELECT refund_id, tenant_id, payment_id, currency, provider, 100, 'canceled', 'api' FROM given
     )
     INSERT INTO disputes (id, tenant_id, payment_id, currency, provider, provider_dispute_id, amount, status, closed, lost, funds)
     SELECT dispute_id, tenant_id, payment_id, currency, provider, 'dp_' || dispute_id, 100, 'warning_closed', true, false, 'held'
     FROM given`,
    [JSON.stringify(rows)],
  );
  return rows.map(({ refund_id, dispute_id }) => ({ refund_id, dispute_id }));
}

/** A payment of each, as it is when a process died before it told the provider: without the work of one. */
export async function insertPayments(
  app: TestApp,
  owners: readonly { readonly id: string; readonly tenant_id: string }[],
): Promise<string[]> {
  const rows = owners.map(({ id: owner_id, tenant_id }) => ({
    id: uuidv7(),
    word: uuidv7(),
    owner_id,
    tenant_id,
  }));
  await app.sql(
    `WITH given AS (SELECT * FROM json_to_recordset($1) AS r (id uuid, word uuid, owner_id uuid, tenant_id uuid)),
     made AS (
       INSERT INTO payments (id, tenant_id, owner_id, provider, livemode, amount, currency, capture_method, status)
       SELECT id, tenant_id, owner_id, 'simulator', false, 4200, 'EUR', 'automatic', 'requires_confirmation' FROM given
     )
     INSERT INTO provider_operations (id, tenant_id, payment_id, provider, operation, seq, idempotency_key, request, state, post_until)
     SELECT word, tenant_id, id, 'simulator', 'create', 1, 'pay:' || id || ':create:1', json_build_object('payment_id', id,
       'tenant_id', tenant_id, 'amount', 4200, 'currency', 'EUR', 'capture_method', 'automatic'), 'sent', now() + interval '1 day'
     FROM given`,
    [JSON.stringify(rows)],
  );
  return rows.map(({ id }) => id);
}
