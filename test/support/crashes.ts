import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestApp } from './app.js';
import type { Answer, Client } from './client.js';
import { eventually } from './eventually.js';
import { ORDER, postings, timesCharged, withKey } from './payments.js';
import { startProcess, type TestProcess } from './process.js';

/** Where the process is killed: after each of its commits, within each word to the provider, and within the last commit. */
export const CRASH_POINTS = [
  'key.claimed',
  'payment.recorded',
  'simulator.create',
  'payment.create.answered',
  'payment.created',
  'payment.confirming',
  'simulator.confirm',
  'payment.confirm.answered',
  'payment.applying',
  'payment.applied',
  'key.finished',
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/** From here on the bank has been asked for the money. */
const CONFIRMED = CRASH_POINTS.slice(CRASH_POINTS.indexOf('simulator.confirm'));

/** Steps that somebody else may have taken meanwhile, on the bank's word: then a process does not come there. */
const OVERTAKEN: readonly CrashPoint[] = ['payment.applying', 'payment.applied'];

export const METHODS = [
  'success',
  'declined',
  '3ds_required',
  'processing_succeeds',
  'drop_after_charge',
  '500_but_charged',
  'timeout_after_charge',
  'webhook_never',
] as const;
export type Method = (typeof METHODS)[number];

export interface Crash {
  readonly point: CrashPoint;
  readonly method: Method;
  /** Whether the client sends its request again, or is gone too. */
  readonly client: 'retries' | 'gone';
  /** Whether the bank still knows our keys. */
  readonly keys: 'kept' | 'pruned';
}

export const nameOf = ({ point, method, client, keys }: Crash): string =>
  `${point}, ${method}, client ${client}, keys ${keys}`;

/** How each method ends, once the bank was asked. */
const ENDS: Readonly<Record<Method, string>> = {
  success: 'succeeded',
  declined: 'requires_payment_method',
  '3ds_required': 'requires_action',
  processing_succeeds: 'succeeded',
  drop_after_charge: 'succeeded',
  '500_but_charged': 'succeeded',
  timeout_after_charge: 'succeeded',
  webhook_never: 'succeeded',
};

/** Of the process that goes on. Nobody's patience is tried: see `later`. */
export const CRASH_TIMINGS = {
  payment_answer_ms: 8_000,
  payment_lease_ms: 1_500,
  payment_grace_ms: 120_000,
  reconcile_step_ms: 300,
  pool_wait_ms: 30_000,
};

/** Of the one that dies: its leases outlast it on any machine. */
export const DOOMED_TIMINGS = { ...CRASH_TIMINGS, payment_lease_ms: 100_000 };

/** Longer than it takes until we hear that a process has died, once its connections have broken. */
const A_DEATH_MS = 3_000;
const SOON = { within: 60_000 };

/**
 * A process that dies at this point, with so many payments there.
 * @param payment_answer_ms - after which it would give an answer in place of coming there.
 */
export const doom = (
  point: CrashPoint,
  die_with = 1,
  payment_answer_ms = DOOMED_TIMINGS.payment_answer_ms,
): Promise<TestProcess> =>
  startProcess({
    die_at: point,
    die_with,
    settings: { PROCESS_ROLE: 'api' },
    timings: { ...DOOMED_TIMINGS, payment_answer_ms },
  });

/**
 * Lets a process die over these payments, all at the point at which it was to die.
 * @returns what came of each: everything that could be wrong, in words; nothing where all is well.
 */
export async function crash(
  app: TestApp,
  client: Client,
  doomed: TestProcess,
  runs: readonly Crash[],
): Promise<string[][]> {
  const orders = runs.map((run) => ({
    run,
    key: randomUUID(),
    body: { ...ORDER, payment_method: `pm_sim_${run.method}`, reference: randomUUID() },
  }));
  const answers = orders.map(({ key, body }) =>
    doomed.send('POST', '/payments', { token: client.token, body, headers: withKey(key) }).then(
      ({ status, text }) => `${status} ${text}`,
      ({ message }: Error) => message,
    ),
  );
  // Whoever has answered everything does not die by itself any more.
  const answered = Promise.all(answers).then((all) => sleep(A_DEATH_MS, all));
  const said = await Promise.race([doomed.exit.then((): string[] => []), answered]);
  await doomed.kill();
  const [{ point }] = runs as [Crash];
  const strange = said.find((text) => !OVERTAKEN.includes(point) || !/^(201|402) /.test(text));
  if (strange !== undefined) return runs.map(() => [`it did not die at ${point}: ${strange}`]);
  return Promise.all(orders.map((order) => aftermath(app, client, order)));
}

interface Ordered {
  readonly run: Crash;
  readonly key: string;
  readonly body: { readonly reference: string };
}

async function aftermath(app: TestApp, client: Client, { run, key, body }: Ordered): Promise<string[]> {
  await later(app, key, run.client);
  if (run.keys === 'pruned') await prune(app, body.reference);
  const answer = run.client === 'retries' ? await retry(client, body, key) : null;
  const payment = await settled(app, body.reference, key);
  return judge(app, run, payment, answer);
}

/** Nobody waits for it: the leases of the dead process have run out, and so has the patience with a client that is gone. */
export async function later(app: TestApp, key: string, client: Crash['client']): Promise<void> {
  const patience = client === 'gone' ? DOOMED_TIMINGS.payment_grace_ms : 0;
  await app.sql(
    `WITH left_behind AS (
       UPDATE idempotency_keys SET locked_until = now(), last_run_at = last_run_at - $2 * interval '1 millisecond'
       WHERE key = $1 AND finished_at IS NULL RETURNING payment_id
     )
     UPDATE payments SET next_reconcile_at = now() FROM left_behind
     WHERE id = payment_id AND next_reconcile_at IS NOT NULL`,
    [key, patience],
  );
}

/** As a day later. */
const prune = (app: TestApp, reference: string): Promise<unknown> =>
  app.sql(
    `DELETE FROM simulator.requests r USING payments p WHERE p.reference = $1 AND r.key LIKE 'pay:' || p.id || ':%'`,
    [reference],
  );

/** As a client does that was promised to be able to: until it has an answer that is one. */
const retry = (client: Client, body: object, key: string): Promise<Answer> =>
  eventually(async () => {
    const answer = await client.post('/payments', body, withKey(key));
    if (answer.status === 503 || answer.body.code === 'idempotency_in_progress') throw new Error(answer.text);
    return answer;
  }, SOON);

interface Settled {
  readonly id: string;
  readonly status: string;
  readonly needs_review: boolean;
}

/** The payment, if there is one, once nothing about it waits any more. */
const settled = (app: TestApp, reference: string, key: string): Promise<Settled | null> =>
  eventually(async () => {
    const payments = await app.sql<Settled>('SELECT id, status, needs_review FROM payments WHERE reference = $1', [
      reference,
    ]);
    const open = await app.sql('SELECT 1 FROM idempotency_keys WHERE key = $1 AND finished_at IS NULL', [key]);
    if (payments.length > 1) throw new Error('There are two payments');
    if (open.length > 0) throw new Error('The key has no answer');
    const [payment = null] = payments;
    if (payment?.status === 'processing' && !payment.needs_review) throw new Error('It is still processing');
    return payment;
  }, SOON);

/** On a busy machine the time may be up before the confirmation is on its way, which is an answer too: unknown. */
async function wasAsked(app: TestApp, { point }: Crash, payment_id: string): Promise<boolean> {
  if (point !== 'payment.confirm.answered') return CONFIRMED.includes(point);
  const [charge] = await app.sql('SELECT tries FROM simulator.charges WHERE payment_id = $1', [payment_id]);
  return charge.tries > 0;
}

async function judge(app: TestApp, run: Crash, payment: Settled | null, answer: Answer | null): Promise<string[]> {
  if (!payment) return run.point === 'key.claimed' && !answer ? [] : ['the payment is lost'];
  const { id, status } = payment;
  const went = answer !== null || (await wasAsked(app, run, id));
  const end = went ? ENDS[run.method] : 'canceled';
  const paid = status === 'succeeded' ? 1 : 0;
  const [charged, posted] = [await timesCharged(app, id), await postings(app, id)];
  return [
    ...(status === end ? [] : [`it ended as ${status} in place of ${end}`]),
    ...(charged === paid ? [] : [`it was charged ${charged} times, and is ${status}`]),
    ...(posted === paid ? [] : [`it was posted ${posted} times, and is ${status}`]),
    ...(answer && answer.status !== (end === 'requires_payment_method' ? 402 : 201)
      ? [`it was answered ${answer.text}`]
      : []),
  ];
}
