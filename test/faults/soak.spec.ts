import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Timings } from '../../src/config/timings.js';
import { insertUsers } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { Client, type Answer } from '../support/client.js';
import { brokenInvariants, ORDER, quiescence, withKey } from '../support/payments.js';
import { startProcess, type TestProcess } from '../support/process.js';
import { times } from '../support/visitors.js';

/** Set by bin/soak.mjs: for how long, how many requests a second, and where the figures go. */
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 30);
const RATE = Number(process.env['SOAK_RATE'] ?? 50);
const FIGURES = process.env['SOAK_FIGURES'];
const KILL_EVERY_MS = 20_000;
const PROCESSES = 3;
const PAYERS = 40;
/** A token is good for longer. */
const LOGIN_EVERY_MS = 8 * 60_000;
/** A client goes on asking for its answer, under its key, for so long. */
const PATIENCE_MS = 5 * 60_000;
/** What nobody has answered is brought to its end behind the requests. */
const REST_MS = 25 * 60_000;

/** A process that ships: its patience is the patience of production. */
const LIKE_PRODUCTION = { ...new Timings(), shutdown_ms: 5_000 };

const METHODS = [
  ...Array<string>(8).fill('success'),
  'declined',
  'processing_succeeds',
  'drop_after_charge',
  '500_then_success',
  'webhook_duplicate',
  'refund_pending',
];

/** One request that was let in, and what its client came to know. */
interface Asked {
  readonly kind: 'payment' | 'refund';
  readonly reference: string;
  readonly status: number;
  readonly tries: number;
  readonly took_ms: number;
}

const asked: Asked[] = [];
const unexpected: string[] = [];
/** Payments that can be given back, in part. */
const taken: string[] = [];
const reads: number[] = [];
let kills = 0;

let app: TestApp;
let processes: TestProcess[];
let payers: Client[];
let admin: Client;

beforeAll(async () => {
  app = await startApp({ settings: { PROCESS_ROLE: 'api' }, timings: LIKE_PRODUCTION });
  processes = await times(PROCESSES, replica);
  const accounts = await insertUsers(
    app,
    Array.from({ length: PAYERS }, () => ({})),
  );
  payers = [];
  for (const account of accounts) payers.push(await Client.logIn(app.send, account));
  admin = await app.tenantAdmin();
}, 120_000);

const replica = (): Promise<TestProcess> => startProcess({ settings: { LOG_LEVEL: 'warn' }, timings: LIKE_PRODUCTION });
const any = <T>(of: readonly T[]): T => of[Math.floor(Math.random() * of.length)]!;

/** Sends it again, to whichever process there is, until there is an answer that settles it. */
async function persist(path: string, token: string, body: object): Promise<{ answer: Answer | null; tries: number }> {
  const key = randomUUID();
  const until = Date.now() + PATIENCE_MS;
  for (let tries = 1; Date.now() < until; tries++) {
    const answer = await any(processes)
      .send('POST', path, { token, body, headers: withKey(key) })
      .catch(() => null);
    const isUnsettled = answer === null || answer.status === 503 || answer.body?.code === 'idempotency_in_progress';
    if (!isUnsettled) return { answer, tries };
    await sleep(Math.min(200 * tries, 5_000));
  }
  return { answer: null, tries: 0 };
}

async function charge(): Promise<void> {
  const reference = randomUUID();
  const body = { ...ORDER, reference, payment_method: `pm_sim_${any(METHODS)}` };
  const began = performance.now();
  const { answer, tries } = await persist('/payments', any(payers).token, body);
  const status = answer?.status ?? 0;
  asked.push({ kind: 'payment', reference, status, tries, took_ms: performance.now() - began });
  if (![201, 402].includes(status)) unexpected.push(`payment ${status} ${answer?.text ?? 'was never answered'}`);
  if (answer?.body?.status === 'succeeded') taken.push(answer.body.id);
}

async function giveBack(): Promise<void> {
  const id = any(taken);
  if (!id) return;
  const began = performance.now();
  const { answer, tries } = await persist(`/payments/${id}/refunds`, admin.token, { amount: 700 });
  const status = answer?.status ?? 0;
  asked.push({ kind: 'refund', reference: id, status, tries, took_ms: performance.now() - began });
  // Whoever asks for more than is left is told so.
  if (status !== 201 && answer?.body?.code !== 'refund_exceeds_captured')
    unexpected.push(`refund ${status} ${answer?.text ?? 'was never answered'}`);
}

async function look(): Promise<void> {
  const began = performance.now();
  const answer = await any(processes)
    .send('GET', '/payments?limit=20', { token: any(payers).token })
    .catch(() => null);
  if (answer?.status === 200) reads.push(performance.now() - began);
  else if (answer && answer.status !== 503) unexpected.push(`list ${answer.status} ${answer.text}`);
}

/** One in ten gives something back, two in ten look, the others pay. */
function one(): Promise<void> {
  const dice = Math.random();
  if (dice < 0.1) return giveBack();
  return dice < 0.3 ? look() : charge();
}

async function load(until: number): Promise<void> {
  const under_way = new Set<Promise<void>>();
  const began = Date.now();
  for (let sent = 0; Date.now() < until; sent++) {
    const request = one().finally(() => under_way.delete(request));
    under_way.add(request);
    await sleep(Math.max(0, began + ((sent + 1) * 1_000) / RATE - Date.now()));
  }
  await Promise.all(under_way);
}

async function kill(until: number): Promise<void> {
  for (;;) {
    await sleep(KILL_EVERY_MS);
    if (Date.now() + KILL_EVERY_MS > until) return;
    const at = Math.floor(Math.random() * processes.length);
    await processes[at]!.kill();
    kills += 1;
    processes[at] = await replica();
  }
}

async function logInAgain(until: number): Promise<void> {
  for (;;) {
    await sleep(Math.min(LOGIN_EVERY_MS, Math.max(0, until - Date.now())));
    if (Date.now() >= until) return;
    for (const [at, payer] of payers.entries()) payers[at] = await payer.again();
    admin = await admin.again();
  }
}

function percentiles(values: readonly number[]): Record<string, number> {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { count: sorted.length, p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), max_ms: at(1) };
}

/** How long facts have waited until they were told. */
async function outboxLag(): Promise<Record<string, number>> {
  const rows = await app.sql(
    `SELECT (extract(epoch FROM sent_at - created_at) * 1000)::float8 AS lag FROM outbox WHERE status = 'sent' AND topic <> 'mail'`,
  );
  return percentiles(rows.map(({ lag }) => lag));
}

async function figures(): Promise<object> {
  const statuses: Record<string, number> = {};
  for (const { kind, status } of asked) statuses[`${kind} ${status}`] = (statuses[`${kind} ${status}`] ?? 0) + 1;
  const [payments, repaid] = (['payment', 'refund'] as const).map((kind) =>
    percentiles(asked.filter((request) => request.kind === kind).map(({ took_ms }) => took_ms)),
  );
  const retried = asked.filter(({ tries }) => tries > 1).length;
  const lag = await outboxLag();
  return { minutes: MINUTES, rate: RATE, kills, statuses, retried, payments, repaid, reads: percentiles(reads), lag };
}

describe(`F15: ${MINUTES} minutes of ${RATE} requests a second, and a process killed every ${KILL_EVERY_MS / 1_000} seconds`, () => {
  it(
    'break no rule of the books, charge nobody twice, and leave nothing unfinished',
    async () => {
      const until = Date.now() + MINUTES * 60_000;
      await Promise.all([load(until), kill(until), logInAgain(until)]);
      await quiescence(app, REST_MS);
      const told = await figures();
      if (FIGURES) writeFileSync(FIGURES, JSON.stringify(told, null, 2));
      process.stderr.write(`F15: ${JSON.stringify(told)}\n`);

      expect(unexpected).toEqual([]);
      expect(kills).toBeGreaterThanOrEqual(Math.floor((MINUTES * 60_000) / KILL_EVERY_MS) / 2);
      expect(await brokenInvariants(app)).toEqual([]);
      const twice = await app.sql(
        `SELECT payment_id FROM simulator.movements WHERE kind = 'charge' GROUP BY 1 HAVING count(*) > 1`,
      );
      expect(twice).toEqual([]);
      const [{ count, references }] = await app.sql(
        'SELECT count(*)::int, count(DISTINCT reference)::int AS references FROM payments',
      );
      const wanted = asked.filter(({ kind }) => kind === 'payment').length;
      expect({ count, references }).toEqual({ count: wanted, references: wanted });
      const unsure = await app.sql(`SELECT id, status, review_reason FROM payments WHERE needs_review`);
      expect(unsure).toEqual([]);
    },
    MINUTES * 60_000 + REST_MS + PATIENCE_MS,
  );
});
