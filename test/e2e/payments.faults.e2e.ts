import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import {
  act,
  brokenInvariants,
  paid,
  pay,
  postings,
  quiescence,
  timesCharged,
  UNHURRIED_PAYMENTS,
  untilStatus,
} from '../support/payments.js';

jest.setTimeout(120_000);

let app: TestApp;
let ada: Client;
/** At a replica that gives the bank all the time that a busy machine wants. */
let patiently: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  app = await startApp({ timings: { payment_answer_ms: 4_000 } });
  const patient = await startApp({ settings: { PROCESS_ROLE: 'api' }, timings: UNHURRIED_PAYMENTS });
  ada = await app.signUp();
  patiently = await patient.logIn(ada);
  admin = await app.tenantAdmin();
  platform = await app.admin();
});
describe('F7: a bank that', () => {
  it.each([
    ['breaks the connection before it has done anything', 'pm_sim_drop_before_charge', ['succeeded']],
    ['breaks the connection after it has taken the money', 'pm_sim_drop_after_charge', ['succeeded']],
    ['sends half an answer', 'pm_sim_half_response', ['succeeded']],
    ['fails and then does not', 'pm_sim_500_then_success', ['succeeded']],
    ['says that it failed, and has taken the money', 'pm_sim_500_but_charged', ['succeeded', 'processing']],
    ['is too busy', 'pm_sim_429', ['succeeded']],
    ['never answers', 'pm_sim_timeout_after_charge', ['processing']],
    ['takes five seconds', 'pm_sim_slow_5s', ['processing']],
  ])('%s is never paid twice', async (_, payment_method, statuses) => {
    const isWaitedFor = !statuses.includes('processing');
    const began = Date.now();
    const { status, body } = await pay(isWaitedFor ? patiently : ada, { payment_method });

    expect({ status, fits: statuses.includes(body.status) }).toEqual({ status: 201, fits: true });
    expect(Date.now() - began).toBeLessThan(10_000);
    await untilStatus(ada, body.id, 'succeeded');
    expect(await timesCharged(app, body.id)).toBe(1);
    expect(await postings(app, body.id)).toBe(1);
  });

  it('is too busy for a whole storm takes each payment once', async () => {
    await platform.post('/simulator/faults', { operation: 'confirm', next_n: 10, fault: 'rate_limited' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => pay(patiently)));

    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(201));
    // Whoever was never confirmed is not charged behind a client's back: it is given back instead.
    for (const { body } of answers) {
      const { status } = await untilStatus(ada, body.id, 'succeeded', 'canceled');
      expect(await timesCharged(app, body.id)).toBe(status === 'succeeded' ? 1 : 0);
    }
    await platform.post('/simulator/reset');
  });

  it('takes its time, and never tells, is asked long before anybody’s lease ends', async () => {
    const patient = await startApp({ timings: { payment_lease_ms: 600_000, payment_grace_ms: 600_000 } });
    const user = await patient.logIn(ada);
    const payment = await paid(user, { payment_method: 'pm_sim_webhook_never' });
    expect(payment.status).toBe('processing');

    await untilStatus(user, payment.id, 'succeeded');
    expect(await timesCharged(app, payment.id)).toBe(1);
    await patient.close();
  });

  it('does not answer to a capture is asked again with the same key', async () => {
    const payment = await paid(ada, { capture_method: 'manual' });
    await platform.post('/simulator/faults', { operation: 'capture', next_n: 2, fault: 'drop_before' });
    const first = await act(admin, payment.id, 'capture', {}, 'capture-unknown');
    expect(first).toMatchObject({ status: 503, body: { code: 'provider_unavailable' } });
    const second = await act(admin, payment.id, 'capture', {}, 'capture-unknown');

    expect(second).toMatchObject({ status: 200, body: { status: 'succeeded', amount_captured: 4_200 } });
    expect(await timesCharged(app, payment.id)).toBe(1);
  });
});

it('after all of it the books are in order', async () => {
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
});
