import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { act, brokenInvariants, paid, paymentOf, postings, quiescence, timesCharged } from '../support/payments.js';
import { times } from '../support/visitors.js';

jest.setTimeout(300_000);

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  // However busy the machine is, nobody is overtaken for being slow; and the bank tells when it is asked to.
  const timings = { payment_answer_ms: 30_000, payment_lease_ms: 30_000, simulator_poll_ms: 3_600_000 };
  app = await startApp({ timings });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
  platform = await app.admin();
});

describe('F9: capture, cancellation and webhooks at once', () => {
  const ROUNDS = 200;
  const AT_ONCE = 5;

  async function race(round: number): Promise<string> {
    const { id } = await paid(ada, { capture_method: 'manual' });
    const answers = await Promise.all([
      act(admin, id, 'capture'),
      act(ada, id, 'cancel'),
      ...(round % 2 ? [platform.post('/simulator/webhooks/flush', { order: 'random', duplicates: 1 })] : []),
    ]);
    const [capture, cancel] = answers;
    const { status } = await paymentOf(ada, id);

    expect([capture!.status, cancel!.status].toSorted()).toEqual([200, 409]);
    const loser = capture!.status === 409 ? capture! : cancel!;
    expect(loser.body).toMatchObject({ code: 'payment_state_conflict', current_status: status });
    expect(status).toBe(capture!.status === 200 ? 'succeeded' : 'canceled');
    expect(await timesCharged(app, id)).toBe(status === 'succeeded' ? 1 : 0);
    expect(await postings(app, id)).toBe(status === 'succeeded' ? 1 : 0);
    return status;
  }

  it(`have one end, and the bank has the same, ${ROUNDS} times`, async () => {
    const ends: string[] = [];
    for (let round = 0; round < ROUNDS; round += AT_ONCE)
      ends.push(...(await times(AT_ONCE, (index) => race(round + index))));
    expect(ends).toHaveLength(ROUNDS);
  });

  it('of many confirmations at once one is tried', async () => {
    const { id } = await paid(ada, { confirm: false });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => act(ada, id, 'confirm', { payment_method: 'pm_sim_success' })),
    );

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const codes = new Set(answers.filter(({ status }) => status !== 200).map(({ body }) => body.code));
    for (const code of codes) expect(['attempt_in_progress', 'payment_state_conflict']).toContain(code);
    expect(await timesCharged(app, id)).toBe(1);
  });
});

it('after all of it the books are in order', async () => {
  await platform.post('/simulator/webhooks/flush', {});
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
});
