import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { act, brokenInvariants, pay, quiescence, refund, refundedAtBank, timesCharged } from '../support/payments.js';

/** Sequences in a run of `npm test`; PAYMENT_SEQUENCES makes it more. */
const SEQUENCES = Number(process.env['PAYMENT_SEQUENCES'] ?? 25);
const SEED = Number(process.env['PAYMENT_SEED'] ?? Date.now() % 2 ** 31);

jest.setTimeout(SEQUENCES * 10_000);

const METHODS = [
  'success',
  'declined',
  '3ds_required',
  '3ds_then_declined',
  'processing_succeeds',
  'processing_fails',
  'drop_after_charge',
  '500_but_charged',
  'webhook_duplicate',
  'webhook_reordered',
  'webhook_never',
  'refund_pending',
  'refund_fails_later',
  'dispute',
  'dispute_won',
  'dispute_lost',
  'inquiry',
];

/** Where a request may break off, once: what it has committed stays, and nobody is told anything. */
const POINTS = [
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
  'simulator.capture',
  'payment.capture.answered',
  'simulator.cancel',
  'payment.cancel.answered',
  'key.finished',
];

const method = fc.constantFrom(...METHODS).map((name) => `pm_sim_${name}`);
/** Whether a client whose request fails on our side sends it again. */
const again = fc.boolean();
const step = fc.oneof(
  fc.record({ do: fc.constant('confirm' as const), method, again }),
  fc.record({ do: fc.constantFrom('capture', 'cancel'), again }),
  fc.record({ do: fc.constantFrom('flush', 'twice', 'wait') }),
  fc.record({
    do: fc.constantFrom('refund', 'dashboard'),
    amount: fc.integer({ min: 1, max: 5_000 }),
    force: fc.boolean(),
  }),
  fc.record({ do: fc.constant('authenticate' as const), outcome: fc.constantFrom('success', 'fail', 'abandon') }),
  fc.record({
    do: fc.constant('fault' as const),
    operation: fc.constantFrom('confirm', 'capture', 'cancel', 'refund', 'fetch'),
    fault: fc.constantFrom('drop_before', 'drop_after', 'rate_limited'),
  }),
  fc.record({ do: fc.constant('clock' as const), advance_hours: fc.constantFrom(1, 25, 200) }),
  fc.record({ do: fc.constant('die' as const), at: fc.constantFrom(...POINTS) }),
);
const sequence = fc.record({
  dies: fc.option(fc.constantFrom(...POINTS), { freq: 2 }),
  again,
  first: fc.record({
    confirm: fc.boolean(),
    payment_method: method,
    capture_method: fc.constantFrom('automatic', 'manual'),
  }),
  steps: fc.array(step, { maxLength: 6 }),
});

/** The next request that comes to this point dies there. */
let dying: string | null = null;

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  process.stderr.write(`payments: ${SEQUENCES} sequences; again with PAYMENT_SEED=${SEED}\n`);
  app = await startApp({
    // A thousand sequences take longer than a token is good for.
    settings: { ACCESS_TOKEN_EXPIRE_MINUTES: '1440' },
    checkpoints: async (name) => {
      if (name !== dying) return;
      dying = null;
      throw new Error('The request has died');
    },
    timings: { payment_answer_ms: 1_000, payment_grace_ms: 1_500, payment_lease_ms: 1_500 },
  });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
  platform = await app.admin();
});

/** Sends a request, and once more with the same key where it failed on our side and its client is such a one. */
async function ask(patient: boolean, send: (key: string) => Promise<Answer>): Promise<Answer> {
  const key = randomUUID();
  const answer = await send(key);
  return patient && answer.status >= 500 ? send(key) : answer;
}

async function perform(id: string, one: any): Promise<unknown> {
  switch (one.do) {
    case 'confirm':
      return ask(one.again, (key) => act(ada, id, 'confirm', { payment_method: one.method }, key));
    case 'capture':
      return ask(one.again, (key) => act(admin, id, 'capture', {}, key));
    case 'cancel':
      return ask(one.again, (key) => act(ada, id, 'cancel', {}, key));
    case 'refund':
      return refund(admin, id, { amount: one.amount, force: one.force });
    case 'dashboard':
      return platform.post('/simulator/dashboard-refund', { payment_id: id, amount: one.amount });
    case 'twice':
      return Promise.all([act(admin, id, 'capture'), act(ada, id, 'cancel')]);
    case 'flush':
      return platform.post('/simulator/webhooks/flush', { order: 'random', duplicates: 1, drop: 10 });
    case 'authenticate':
      return platform.post(`/simulator/payments/${id}/authenticate`, { outcome: one.outcome });
    case 'fault':
      return platform.post('/simulator/faults', { operation: one.operation, fault: one.fault, next_n: 2 });
    case 'clock':
      return platform.post('/simulator/clock', { advance_hours: one.advance_hours });
    case 'die':
      dying = one.at;
      return;
    default:
      return new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** What is wrong in the end; nothing where all is well. */
async function wrong(reference: string): Promise<unknown[]> {
  const payments = await app.sql(
    'SELECT id, status, needs_review, amount_refunded::int FROM payments WHERE reference = $1',
    [reference],
  );
  const [payment] = payments;
  const charged = payment ? await timesCharged(app, payment.id) : 0;
  const due = payment?.status === 'succeeded' ? 1 : 0;
  const given = payment ? await refundedAtBank(app, payment.id) : 0;
  return [
    ...(payments.length > 1 ? ['there are several payments'] : []),
    ...(payment?.needs_review ? [payment] : []),
    ...(given === (payment?.amount_refunded ?? 0) ? [] : [`${given} went back, and here ${payment.amount_refunded}`]),
    ...(charged === due ? [] : [`${payment.status}, charged ${charged} times`]),
    ...(await brokenInvariants(app)),
  ];
}

it('F12: whatever is done in whatever order, and wherever requests die, the books and the bank agree', async () => {
  await fc.assert(
    fc.asyncProperty(sequence, async ({ dies, again: patient, first, steps }) => {
      const reference = randomUUID();
      dying = dies;
      await ask(patient, (key) => pay(ada, { ...first, reference }, key));
      const [made] = await app.sql('SELECT id FROM payments WHERE reference = $1', [reference]);
      if (made) for (const one of steps) await perform(made.id, one);
      dying = null;
      await platform.post('/simulator/reset');
      await quiescence(app);
      const faults = await wrong(reference);
      if (faults.length > 0) throw new Error(JSON.stringify(faults));
    }),
    { numRuns: SEQUENCES, seed: SEED, endOnFailure: false },
  );
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
});
