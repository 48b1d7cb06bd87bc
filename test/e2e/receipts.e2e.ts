import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { uuidv7 } from '../../src/common/uuid.js';
import type { Mail } from '../../src/dev/inbox.js';
import { OnPaymentEvent } from '../../src/payments/payment-events.js';
import { Receipts, type Happening } from '../../src/payments/receipts/receipts.js';
import { member, newTenant, rowsHolding } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { act, paid, quiescence, untilStatus } from '../support/payments.js';

/** Has every event told twice. */
@Injectable()
class Forgetful {
  private readonly heard = new Set<string>();

  @OnPaymentEvent({})
  async hear({ type, data }: Happening): Promise<void> {
    const name = `${type} ${data.id}`;
    if (this.heard.has(name)) return;
    this.heard.add(name);
    throw new Error('It was not heard the first time');
  }
}

let app: TestApp;
let ada: Client;
beforeAll(async () => {
  app = await startApp({ modules: [{ module: class ForgetfulModule {}, providers: [Forgetful] }] });
  ada = await app.signUp();
});

const mailsTo = (email: string, subject: string): Mail[] =>
  app.inbox.list().filter((mail) => mail.to.includes(email) && mail.subject === subject);

const tell = (event: Happening): Promise<void> => app.app.get(Receipts, { strict: false }).follow(event);

/** Until nothing waits to be mailed either. */
const allSent = (): Promise<unknown> =>
  eventually(async () => {
    await quiescence(app);
    const [{ count }] = await app.sql(`SELECT count(*)::int FROM outbox WHERE status = 'pending'`);
    if (count > 0) throw new Error(`${count} wait`);
  });

describe('whoever has paid', () => {
  it.each([
    [9_999, 'USD', '99.99 USD'],
    [500, 'JPY', '500 JPY'],
    [1_230, 'KWD', '1.230 KWD'],
  ])('gets one receipt, however often it is told: %d %s', async (amount, currency, shown) => {
    const eve = await app.signUp({ full_name: 'Eve <Adams>' });
    const { id } = await paid(eve, { amount, currency, reference: 'order <4711>' });
    const mail = await app.mail(eve.email, 'Receipt for your payment');
    await allSent();

    expect(mailsTo(eve.email, 'Receipt for your payment')).toHaveLength(1);
    expect(mail.text).toContain(`Your payment of ${shown} was received`);
    expect(mail.text).toContain(`Payment: ${id}. Reference: order <4711>`);
    expect(mail.html).toContain(`Your payment of ${shown} was received`);
    expect(mail.html).toContain('Reference: order &lt;4711&gt;');
  });

  it('gets none for what was only reserved, and one for what was taken of it', async () => {
    const [eve, admin] = [await app.signUp(), await app.tenantAdmin()];
    const { id } = await paid(eve, { capture_method: 'manual' });
    await allSent();
    expect(mailsTo(eve.email, 'Receipt for your payment')).toEqual([]);

    expect((await act(admin, id, 'capture', { amount: 1_000 })).status).toBe(200);
    expect((await app.mail(eve.email, 'Receipt for your payment')).text).toContain('Your payment of 10.00 EUR');
  });

  it('gets none for what was declined', async () => {
    const eve = await app.signUp();
    await eve.post(
      '/payments',
      { amount: 4_200, currency: 'EUR', payment_method: 'pm_sim_declined' },
      { 'idempotency-key': randomUUID() },
    );
    await allSent();

    expect(mailsTo(eve.email, 'Receipt for your payment')).toEqual([]);
  });
});

describe('whoever has to do something', () => {
  it('gets the link once, and the receipt after', async () => {
    const eve = await app.signUp();
    const { id, next_action } = await paid(eve, { payment_method: 'pm_sim_3ds_required' });
    const mail = await app.mail(eve.email, 'Your payment needs you');
    expect(mail.text).toContain(`\n${next_action.url}\n`);
    expect(mail.html).toContain(`href="${next_action.url}"`);

    const platform = await app.admin();
    await platform.post(`/simulator/payments/${id}/authenticate`, { outcome: 'success' });
    await untilStatus(eve, id, 'succeeded');
    await app.mail(eve.email, 'Receipt for your payment');
    await allSent();
    expect(mailsTo(eve.email, 'Your payment needs you')).toHaveLength(1);
  });

  it('gets no link of a step that is over', async () => {
    const eve = await app.signUp();
    const { body } = await eve.get(`/payments/${(await paid(eve, { payment_method: 'pm_sim_3ds_required' })).id}`);
    await app.mail(eve.email, 'Your payment needs you');
    await act(eve, body.id, 'cancel');
    await tell({ type: 'payment.requires_action', data: { ...body, version: 99 } });
    await tell({ type: 'payment.requires_action', data: body });
    await allSent();

    expect(mailsTo(eve.email, 'Your payment needs you')).toHaveLength(1);
  });

  it('has the link in no table while it waits for the mail server', async () => {
    const silent = await startApp({ database: 'own', settings: { SMTP_URL: 'smtp://127.0.0.1:1' } });
    const eve = await silent.signUp();
    const { next_action } = await paid(eve, { payment_method: 'pm_sim_3ds_required' });
    await eventually(async () => {
      const rows = await silent.sql(`SELECT 1 FROM outbox WHERE dedupe_key LIKE 'payment-action:%'`);
      if (rows.length === 0) throw new Error('Not written yet');
    });

    expect(await rowsHolding(silent, [next_action.url, next_action.url.split('#')[1]])).toEqual([]);
    expect(silent.logs.join('\n')).not.toContain(next_action.url.split('#')[1]);
    await silent.close();
  });
});

describe('a refund', () => {
  it('is told to the owner, once for each', async () => {
    const { id: payment_id } = await paid(ada, { reference: 'order-4712' });
    const refund = { id: uuidv7(), payment_id, amount: 1_050, currency: 'EUR' };
    for (const type of ['refund.created', 'refund.updated', 'refund.succeeded', 'refund.succeeded']) {
      await tell({ type, data: refund });
    }
    await tell({ type: 'refund.succeeded', data: { ...refund, id: uuidv7() } });
    await allSent();
    const mails = mailsTo(ada.email, 'Your payment was refunded');

    expect(mails).toHaveLength(2);
    for (const { text } of mails) {
      expect(text).toContain('10.50 EUR of a payment of yours');
      expect(text).toContain(`Payment: ${payment_id}. Reference: order-4712`);
    }
  });
});

describe('a dispute', () => {
  it('is told to the active admins of the tenant, once to each, and to nobody else', async () => {
    const tenant_id = await newTenant(app);
    const [one, two, user, away] = [
      await member(app, tenant_id, 'admin'),
      await member(app, tenant_id, 'admin'),
      await member(app, tenant_id),
      await member(app, tenant_id, 'admin'),
    ];
    await (await app.admin()).patch(`/users/${away.user.id}`, { status: 'disabled' });
    const stranger = await member(app, await newTenant(app), 'admin');
    const { id: payment_id } = await paid(user);
    const dispute = {
      id: uuidv7(),
      payment_id,
      amount: 4_200,
      currency: 'EUR',
      reason: 'fraudulent',
      evidence_due_at: '2026-12-24T12:00:00.000Z',
    };
    for (const type of ['dispute.opened', 'dispute.opened', 'dispute.updated', 'dispute.closed']) {
      await tell({ type, data: dispute });
    }
    await allSent();

    const subject = 'A payment is disputed';
    for (const { email } of [one, two]) expect(mailsTo(email, subject)).toHaveLength(1);
    for (const { email } of [user, away, stranger]) expect(mailsTo(email, subject)).toEqual([]);
    const { text } = await app.mail(one.email, subject);
    expect(text).toContain('The payer of 42.00 EUR');
    expect(text).toContain('fraudulent');
    expect(text).toContain('by 2026-12-24 (UTC)');
    expect(text).not.toContain(user.email);
  });
});

describe('whoever is gone', () => {
  it('gets nothing, and nothing of what waited', async () => {
    const eve = await app.signUp();
    const payment = await paid(eve);
    await allSent();
    expect((await (await app.admin()).delete(`/users/${eve.user.id}`)).status).toBe(204);
    await app.sql(`DELETE FROM outbox WHERE dedupe_key = $1`, [`payment-receipt:${payment.id}`]);
    await tell({ type: 'payment.succeeded', data: payment });
    await tell({
      type: 'refund.succeeded',
      data: { id: uuidv7(), payment_id: payment.id, amount: 4_200, currency: 'EUR' },
    });

    expect(
      await app.sql(`SELECT 1 FROM outbox WHERE subject_id = $1 AND topic = 'mail' AND status = 'pending'`, [
        eve.user.id,
      ]),
    ).toEqual([]);
    expect(mailsTo(eve.email, 'Your payment was refunded')).toEqual([]);
  });

  it('is no stumbling block: of a payment that nobody knows nobody is told', async () => {
    await expect(
      tell({ type: 'refund.succeeded', data: { id: uuidv7(), payment_id: uuidv7(), amount: 1, currency: 'EUR' } }),
    ).resolves.toBeUndefined();
    await expect(tell({ type: 'constructor', data: { id: uuidv7(), amount: 1, currency: 'EUR' } })).resolves.toBe(
      undefined,
    );
  });
});
