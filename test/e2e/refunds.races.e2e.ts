import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import {
  brokenInvariants,
  paid,
  paymentOf,
  quiescence,
  refund,
  refundedAtBank,
  refundsOf,
  untilDispute,
} from '../support/payments.js';
import { times } from '../support/visitors.js';

jest.setTimeout(180_000);

const ROUNDS = 3;

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  // Forty wait for one row: on a busy machine longer than a request is given elsewhere.
  app = await startApp({
    timings: {
      pool_wait_ms: 60_000,
      statement_ms: 60_000,
      payment_answer_ms: 60_000,
      payment_lease_ms: 120_000,
      payment_grace_ms: 120_000,
    },
  });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
  platform = await app.admin();
});

/** Never more than there was: here, at the bank, and both the same. */
async function agree(payment_id: string): Promise<void> {
  const { amount_captured, amount_refunded, amount_refund_pending } = await paymentOf(ada, payment_id);
  expect(amount_refunded + amount_refund_pending).toBeLessThanOrEqual(amount_captured);
  expect(await refundedAtBank(app, payment_id)).toBe(amount_refunded);
  expect(amount_refund_pending).toBe(0);
}

const codesOf = (answers: readonly Answer[]): Set<string> =>
  new Set(answers.filter(({ status }) => status !== 201).map(({ body }) => body.code));

describe('F8: forty refunds of one payment at once', () => {
  it.each(roundsOf(ROUNDS))('of mixed sizes: who comes too late is told what is left (round %i)', async () => {
    const { id } = await paid(ada);
    const answers = await times(40, (at) => refund(admin, id, { amount: 100 + 37 * (at % 7) }));
    await quiescence(app);

    const made = answers.filter(({ status }) => status === 201);
    const late = answers.filter(({ status }) => status !== 201);
    expect(codesOf(answers)).toEqual(new Set(['refund_exceeds_captured']));
    for (const { body } of late) expect(body.max_refundable).toBeLessThan(322);
    const sum = made.reduce((total, { body }) => total + body.amount, 0);
    expect(sum).toBeGreaterThan(4_200 - 322);
    expect((await paymentOf(ada, id)).amount_refunded).toBe(sum);
    await agree(id);
  });

  it.each(roundsOf(ROUNDS))('and one at the bank itself, and a dispute (round %i)', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_dispute' });
    const [answers, dashboard] = await Promise.all([
      times(40, async (at) => {
        await new Promise((resolve) => setTimeout(resolve, 10 * at));
        return refund(admin, id, { amount: 100 + 37 * (at % 7) });
      }),
      platform.post('/simulator/dashboard-refund', { payment_id: id, amount: 1_000 }),
    ]);
    await untilDispute(ada, id, { funds: 'withdrawn' });
    await quiescence(app);

    for (const code of codesOf(answers)) expect(['refund_exceeds_captured', 'dispute_open']).toContain(code);
    for (const { body } of answers.filter((one) => one.body.code === 'refund_exceeds_captured')) {
      expect(body.max_refundable).toBeGreaterThanOrEqual(0);
    }
    const refunds = await refundsOf(admin, id);
    expect(refunds.filter(({ origin }) => origin === 'provider')).toHaveLength(dashboard.status === 200 ? 1 : 0);
    expect(await paymentOf(ada, id)).toMatchObject({ status: 'succeeded', dispute_status: 'needs_response' });
    await agree(id);
  });
});

it('refunds at the bank and here at once leave nobody with too much', async () => {
  const { id } = await paid(ada);
  const [ours, theirs] = await Promise.all([
    times(10, () => refund(admin, id, { amount: 600 })),
    times(10, () => platform.post('/simulator/dashboard-refund', { payment_id: id, amount: 600 })),
  ]);
  await quiescence(app);

  expect([...ours, ...theirs].filter(({ status }) => status < 300)).toHaveLength(7);
  await agree(id);
});

it('after all of it the books are in order', async () => {
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
});

function roundsOf(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}
