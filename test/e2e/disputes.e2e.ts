import { BankDisputes } from '../../src/payments/bank/bank-disputes.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { member, newTenant } from '../support/accounts.js';
import {
  brokenInvariants,
  events,
  paid,
  paymentOf,
  quiescence,
  refund,
  refunded,
  untilDispute,
} from '../support/payments.js';

jest.setTimeout(60_000);

let app: TestApp;
let ada: Client;
let admin: Client;
beforeAll(async () => {
  app = await startApp();
  ada = await app.signUp();
  admin = await app.tenantAdmin();
});

const receivable = async (by: Client): Promise<number> => {
  const { body } = await by.get('/ledger/accounts');
  return body.data.find(({ code }: any) => code === 'provider_receivable').balance;
};

describe('a dispute', () => {
  it('takes the money, and leaves the payment as it was', async () => {
    const payment = await paid(ada, { payment_method: 'pm_card_createDispute' });
    const dispute = await untilDispute(ada, payment.id, { status: 'needs_response' });

    expect(dispute).toMatchObject({
      funds: 'withdrawn',
      amount: 4_200,
      currency: 'EUR',
      reason: 'fraudulent',
      evidence_due_at: expect.stringMatching(/^20/),
    });
    expect(await paymentOf(ada, payment.id)).toMatchObject({
      status: 'succeeded',
      version: payment.version,
      dispute_status: 'needs_response',
      amount_refunded: 0,
    });
    expect(await events(app, payment.id)).toEqual(['captured', 'funds_withdrawn']);
  });

  it.each([
    ['pm_sim_dispute_won', 'won', 'reinstated', ['captured', 'funds_withdrawn', 'funds_reinstated']],
    ['pm_sim_dispute_lost', 'lost', 'withdrawn', ['captured', 'funds_withdrawn', 'dispute_lost']],
  ])('%s ends as %s, the funds %s', async (payment_method, status, funds, posted) => {
    const { id } = await paid(ada, { payment_method });
    await untilDispute(ada, id, { status, funds });

    expect(await paymentOf(ada, id)).toMatchObject({ status: 'succeeded', dispute_status: status });
    expect(await events(app, id)).toEqual(posted);
    await quiescence(app);
    const steps = await app.sql(
      `SELECT s.version, s.to_status FROM dispute_transitions s JOIN disputes d ON d.id = s.dispute_id
       WHERE d.payment_id = $1 ORDER BY s.version`,
      [id],
    );
    expect(steps.at(-1)).toMatchObject({ to_status: status });
  });

  it('that is a question takes no money', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_inquiry' });
    await untilDispute(ada, id, { status: 'warning_needs_response', funds: 'held' });

    expect(await events(app, id)).toEqual(['captured']);
  });

  it('stands in the way of a refund, unless that is forced', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_dispute' });
    await untilDispute(ada, id, { funds: 'withdrawn' });
    const answer = await refund(admin, id, { amount: 100 });
    expect(answer).toMatchObject({ status: 409, body: { code: 'dispute_open', payment_id: id } });

    expect(await refunded(admin, id, { amount: 100, force: true })).toMatchObject({ status: 'succeeded' });
  });

  it('that is won stands in nobody’s way', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_dispute_won' });
    await untilDispute(ada, id, { status: 'won' });
    expect((await refund(admin, id)).status).toBe(201);
  });

  it('that is lost has paid the payer: a refund would do so again, unless that is forced', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_dispute_lost' });
    await untilDispute(ada, id, { status: 'lost', funds: 'withdrawn' });

    expect(await refund(admin, id)).toMatchObject({ status: 409, body: { code: 'dispute_open' } });
    expect(await refunded(admin, id, { amount: 100, force: true })).toMatchObject({ status: 'succeeded' });
  });

  it('of which nobody tells a second time has the same end, told once or five times, in any order', async () => {
    const quiet = await startApp({ database: 'own', timings: { simulator_poll_ms: 3_600_000, simulator_delay_ms: 0 } });
    const [user, platform] = [await quiet.signUp(), await quiet.admin()];
    const { id } = await paid(user, { payment_method: 'pm_sim_dispute_won' });
    const bank = quiet.app.get(BankDisputes, { strict: false });
    while ((await bank.settle(10)) > 0);
    await platform.post('/simulator/webhooks/flush', { order: 'reverse', duplicates: 4 });
    await untilDispute(user, id, { status: 'won', funds: 'reinstated' });
    await quiescence(quiet);

    const told = await quiet.sql(`SELECT dedupe_key FROM outbox o JOIN disputes d ON o.dedupe_key LIKE d.id || ':%'`);
    expect(told.length).toBe(2);
    expect(await brokenInvariants(quiet)).toEqual([]);
    await quiet.close();
  });
});

describe('GET /disputes', () => {
  it('tells users of their own, and admins of the tenant’s', async () => {
    const eve = await app.signUp();
    const { id } = await paid(eve, { payment_method: 'pm_sim_inquiry', reference: 'order-4711' });
    const dispute = await untilDispute(eve, id, { funds: 'held' });
    const [bob, foreign] = [await app.signUp(), await member(app, await newTenant(app), 'admin')];

    expect((await eve.get('/disputes')).body).toEqual({ data: [dispute], has_more: false });
    expect((await eve.get(`/disputes/${dispute.id}`)).body).toEqual(dispute);
    expect((await admin.get(`/disputes/${dispute.id}`)).body).toEqual(dispute);
    expect((await admin.get(`/disputes?owner_id=${eve.user.id}`)).body.data).toEqual([dispute]);
    expect((await admin.get(`/disputes?owner_id=${eve.user.id}&status=won`)).body.data).toEqual([]);
    expect((await admin.get('/disputes?reference=order-4711')).body.data).toEqual([dispute]);
    expect((await admin.get('/disputes?reference=order-4712')).body.data).toEqual([]);
    for (const other of [bob, foreign]) {
      expect((await other.get(`/disputes/${dispute.id}`)).body.code).toBe('dispute_not_found');
      expect((await other.get('/disputes')).body.data).toEqual([]);
    }
    const { body: timeline } = await eve.get(`/payments/${id}/timeline`);
    expect(timeline.data).toContainEqual(
      expect.objectContaining({ type: 'dispute', what: dispute.id, status: 'warning_needs_response', version: 1 }),
    );
  });
});

it('the provider owes us what was neither refunded nor withdrawn', async () => {
  await quiescence(app);
  const [row] = await app.sql(
    `SELECT sum(amount_captured - amount_refunded)::int
       - (SELECT coalesce(sum(amount), 0)::int FROM disputes WHERE funds = 'withdrawn') AS expected
     FROM payments WHERE currency = 'EUR'`,
  );
  expect(await receivable(admin)).toBe(row.expected);
  expect(await brokenInvariants(app)).toEqual([]);
});
