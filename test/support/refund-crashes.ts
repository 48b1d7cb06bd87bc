import { randomUUID } from 'node:crypto';
import type { TestApp } from './app.js';
import type { Answer, Client } from './client.js';
import { DOOMED_TIMINGS, later } from './crashes.js';
import { eventually } from './eventually.js';
import { paid, refund, refundedAtBank, withKey } from './payments.js';
import { startProcess } from './process.js';

/** Where a process is killed that gives money back: after each of its commits, at the bank, and within the last commit. */
export const REFUND_CRASH_POINTS = [
  'key.claimed',
  'refund.recorded',
  'simulator.refund',
  'payment.refund.answered',
  'refund.applying',
  'refund.applied',
  'key.finished',
] as const;

export interface RefundCrash {
  readonly point: (typeof REFUND_CRASH_POINTS)[number];
  readonly client: 'retries' | 'gone';
  /** Whether the bank still knows our keys. */
  readonly keys: 'kept' | 'pruned';
}

const AMOUNT = 1_000;
const SOON = { within: 60_000 };

/** What came of it: everything that could be wrong, in words; nothing where all is well. */
export async function crashRefund(app: TestApp, ada: Client, admin: Client, run: RefundCrash): Promise<string[]> {
  const [{ id }, key] = [await paid(ada), randomUUID()];
  const doomed = await startProcess({ die_at: run.point, settings: { PROCESS_ROLE: 'api' }, timings: DOOMED_TIMINGS });
  const asked = { token: admin.token, body: { amount: AMOUNT }, headers: withKey(key) };
  const reached = await doomed.send('POST', `/payments/${id}/refunds`, asked).catch(() => null);
  if (reached) {
    // A webhook that came first has left it nothing to apply, and so nowhere to die.
    await doomed.kill();
    return [`it did not die at ${run.point}, and answered ${reached.text}`];
  }
  await doomed.exit;
  await later(app, key, run.client);
  await app.sql('UPDATE refunds SET next_reconcile_at = now() WHERE payment_id = $1 AND next_reconcile_at > now()', [
    id,
  ]);
  if (run.keys === 'pruned') await app.sql(`DELETE FROM simulator.requests WHERE key LIKE 'pay:' || $1 || ':%'`, [id]);
  const answer = run.client === 'retries' ? await retry(admin, id, key) : null;
  return judge(app, run, id, key, answer);
}

const retry = (admin: Client, payment_id: string, key: string): Promise<Answer> =>
  eventually(async () => {
    const answer = await refund(admin, payment_id, { amount: AMOUNT }, key);
    if (answer.status === 503 || answer.body.code === 'idempotency_in_progress') throw new Error(answer.text);
    return answer;
  }, SOON);

async function judge(
  app: TestApp,
  run: RefundCrash,
  payment_id: string,
  key: string,
  answer: Answer | null,
): Promise<string[]> {
  const { refunds, keys } = await settled(app, payment_id, key);
  const wanted = run.point === 'key.claimed' && !answer ? 0 : 1;
  const [payment] = await app.sql(
    'SELECT amount_refunded::int, amount_refund_pending::int FROM payments WHERE id = $1',
    [payment_id],
  );
  const given = await refundedAtBank(app, payment_id);
  const status = wanted === 1 ? 201 : 409;
  return [
    ...(refunds.length === wanted ? [] : [`there are ${refunds.length} refunds`]),
    ...(refunds.every((one) => one.status === 'succeeded') ? [] : [`they are ${JSON.stringify(refunds)}`]),
    ...(given === wanted * AMOUNT ? [] : [`the bank gave ${given} back`]),
    ...(payment.amount_refunded === given && payment.amount_refund_pending === 0
      ? []
      : [`we have ${JSON.stringify(payment)}`]),
    ...(keys.every((one) => one.response_status === status) ? [] : [`the key was answered ${JSON.stringify(keys)}`]),
    ...(!answer || (answer.status === 201 && answer.body.id === refunds[0]?.id) ? [] : [`answered ${answer.text}`]),
  ];
}

interface Settled {
  readonly refunds: readonly { readonly id: string; readonly status: string }[];
  readonly keys: readonly { readonly response_status: number }[];
}

/** Once nothing about it waits any more. */
const settled = (app: TestApp, payment_id: string, key: string): Promise<Settled> =>
  eventually(async () => {
    const refunds = await app.sql('SELECT id, status FROM refunds WHERE payment_id = $1', [payment_id]);
    const keys = await app.sql('SELECT response_status, finished_at FROM idempotency_keys WHERE key = $1', [key]);
    if (refunds.some(({ status }) => status === 'pending')) throw new Error('It is still pending');
    if (keys.some(({ finished_at }) => finished_at === null)) throw new Error('The key has no answer');
    return { refunds, keys };
  }, SOON);
