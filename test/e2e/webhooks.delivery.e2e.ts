import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { paid, quiescence } from '../support/payments.js';
import {
  deliveriesOf,
  endpointAt,
  isSigned,
  makeDue,
  nothingUnderWay,
  Receiver,
  untilDeliveries,
} from '../support/receiver.js';

jest.setTimeout(60_000);

let app: TestApp;
let admin: Client;
let ada: Client;
let receiver: Receiver;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => {
  const tenant_id = await newTenant(app);
  [admin, ada, receiver] = await Promise.all([
    member(app, tenant_id, 'admin'),
    member(app, tenant_id),
    Receiver.start(),
  ]);
});
afterEach(() => receiver.stop());

const all = (status: string) => (deliveries: any[]) =>
  deliveries.length > 0 && deliveries.every((one) => one.status === status);

describe('an event', () => {
  it('reaches the endpoints of its tenant as Standard Webhooks has it, and nobody else', async () => {
    const { secret, ...endpoint } = await endpointAt(admin, receiver.url());
    const stranger = await member(app, await newTenant(app), 'admin');
    const other = await Receiver.start();
    await endpointAt(stranger, other.url());
    const payment = await paid(ada, { reference: 'order-4711' });
    const [got] = await receiver.until('payment.succeeded');

    expect(got).toMatchObject({ method: 'POST', path: '/hooks?shop=1' });
    expect(Object.keys(got!.event)).toEqual(['type', 'timestamp', 'data']);
    expect(got!.event.data).toEqual((await ada.get(`/payments/${payment.id}`)).body);
    expect(got!.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': `Omni/${app.settings.APP_VERSION}`,
      'webhook-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
      'webhook-signature': expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
    });
    for (const one of receiver.got) expect(isSigned(one, secret)).toBe(true);
    expect(isSigned({ ...got!, body: Buffer.from(`${got!.body.toString()} `) }, secret)).toBe(false);
    await quiescence(app);
    const deliveries = await untilDeliveries(admin, endpoint, all('delivered'));
    expect(deliveries.map(({ event_id }) => event_id).toSorted()).toEqual(receiver.got.map(({ id }) => id).toSorted());
    // Facts of one payment may overtake each other.
    expect(deliveries.find(({ type }) => type === 'payment.created')).toEqual({
      id: expect.any(String),
      event_id: expect.any(String),
      type: 'payment.created',
      status: 'delivered',
      attempts: 1,
      last_status: 204,
      next_attempt_at: null,
      created_at: expect.any(String),
    });
    expect(other.got).toEqual([]);
    await other.stop();
  });

  it('comes although its receipt cannot be written, and once however often that is tried', async () => {
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    await app.sql(`
      CREATE FUNCTION refuse_receipt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'No receipt'; END $$;
      CREATE TRIGGER refuse_receipt BEFORE INSERT ON outbox FOR EACH ROW
        WHEN (NEW.topic = 'mail' AND NEW.subject_id = '${ada.user.id}') EXECUTE FUNCTION refuse_receipt();
    `);
    const { id } = await paid(ada);
    const told = async () =>
      (await app.sql(`SELECT status, attempts FROM outbox WHERE dedupe_key LIKE $1 ORDER BY id DESC`, [`${id}:%`]))[0];
    try {
      await receiver.until('payment.succeeded');
      await untilDeliveries(admin, endpoint, all('delivered'));
      expect((await eventually(async () => (await told()).attempts >= 3 && told())).status).toBe('pending');
    } finally {
      await app.sql('DROP TRIGGER refuse_receipt ON outbox; DROP FUNCTION refuse_receipt()');
    }
    await app.mail(ada.email, 'Receipt for your payment');
    await eventually(async () => (await told()).status === 'sent');
    await quiescence(app);

    const receipts = app.inbox
      .list()
      .filter(({ to, subject }) => to.includes(ada.email) && subject.startsWith('Receipt'));
    expect([receipts.length, receiver.got.length]).toEqual([1, 1]);
    expect(await deliveriesOf(admin, endpoint)).toHaveLength(1);
  });

  it('goes to those alone that asked for its type, or its family', async () => {
    const [one, family, refunds] = [await Receiver.start(), await Receiver.start(), await Receiver.start()];
    await endpointAt(admin, one.url(), { events: ['payment.succeeded'] });
    await endpointAt(admin, family.url(), { events: ['payment.*'] });
    await endpointAt(admin, refunds.url(), { events: ['refund.*', 'dispute.opened'] });
    await paid(ada);
    await one.until('payment.succeeded');
    await family.until('payment.succeeded');
    await family.until('payment.created');
    await quiescence(app);

    expect(one.got.map(({ event }) => event.type)).toEqual(['payment.succeeded']);
    expect(refunds.got).toEqual([]);
    for (const receiving of [one, family, refunds]) await receiving.stop();
  });

  it('is tried again until a 2xx, with the same id and the very same bytes, signed anew', async () => {
    const { secret, ...endpoint } = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    const answers = [500, 404, 429, 302, 199 + 1];
    receiver.behaviour = (_, response) => {
      const status = answers[receiver.got.length - 1] ?? 204;
      response.setHeader('location', receiver.url());
      return status;
    };
    await paid(ada);
    const got = await receiver.until('payment.succeeded', answers.length);
    const [delivery] = await untilDeliveries(admin, endpoint, all('delivered'));

    expect(delivery).toMatchObject({ attempts: answers.length, last_status: 200, next_attempt_at: null });
    expect(new Set(got.map(({ id }) => id)).size).toBe(1);
    expect(new Set(got.map(({ body }) => body.toString('hex'))).size).toBe(1);
    for (const one of got) expect(isSigned(one, secret)).toBe(true);
    expect(receiver.got).toHaveLength(answers.length);
  });

  it('follows no redirect: the place it names hears nothing', async () => {
    const elsewhere = await Receiver.start();
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    receiver.behaviour = (_, response) => {
      response.writeHead(307, { location: elsewhere.url() }).end();
    };
    await paid(ada);
    await receiver.until('payment.succeeded', 2);

    expect((await deliveriesOf(admin, endpoint))[0]).toMatchObject({ status: 'pending', last_status: 307 });
    expect(elsewhere.got).toEqual([]);
    await elsewhere.stop();
  });

  it('is dead when its patience is at an end, and is sent again as patiently when somebody wants it', async () => {
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    receiver.behaviour = () => 503;
    await paid(ada);
    await receiver.until('payment.succeeded');
    const [first] = await eventually(
      async () => {
        await makeDue(app, endpoint);
        const found = await deliveriesOf(admin, endpoint);
        return all('dead')(found) && found;
      },
      { within: 30_000 },
    );
    expect(first).toMatchObject({ attempts: 8, last_status: 503, next_attempt_at: null });
    expect(receiver.got).toHaveLength(8);
    expect((await (await fetch(`${app.opsUrl}/health`)).json()) as any).toMatchObject({
      webhook_deliveries: { dead: 1, pending: expect.any(Number) },
    });

    const { status, body } = await admin.post(`/webhook-deliveries/${first.id}/resend`);
    expect([status, body.status, body.event_id]).toEqual([202, 'pending', first.event_id]);
    await receiver.until('payment.succeeded', 9);
    receiver.behaviour = () => 200;
    const [last] = await untilDeliveries(admin, endpoint, all('delivered'));
    expect(last.attempts).toBeGreaterThan(8);
    expect(new Set(receiver.got.map(({ id }) => id))).toEqual(new Set([first.event_id]));
    expect(new Set(receiver.got.map(({ body: bytes }) => bytes.toString())).size).toBe(1);
  });

  it('that was delivered is sent again under the same id, when somebody wants it', async () => {
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    await paid(ada);
    const [delivery] = await untilDeliveries(admin, endpoint, all('delivered'));
    await admin.post(`/webhook-deliveries/${delivery.id}/resend`);
    const [one, again] = await receiver.until('payment.succeeded', 2);

    expect([again!.id, again!.body]).toEqual([one!.id, one!.body]);
    const stranger = await member(app, await newTenant(app), 'admin');
    const answer = await stranger.post(`/webhook-deliveries/${delivery.id}/resend`);
    expect([answer.status, answer.body.code]).toEqual([404, 'webhook_delivery_not_found']);
  });

  it('is told once, however often it comes', async () => {
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    const payment = await paid(ada);
    await untilDeliveries(admin, endpoint, all('delivered'));
    await quiescence(app);
    const { OutgoingEvents } = await import('../../src/webhooks/deliveries/outgoing-events.js');
    const { id } = receiver.got[0]!;
    const sent = app.app.get(OutgoingEvents, { strict: false });
    const event = { type: 'payment.succeeded', timestamp: 'again', data: payment };
    // In one, so that nobody takes it up.
    await app.sql(
      `UPDATE outbox SET status = 'pending', sent_at = NULL, payload = '', key_id = 'x',
         next_attempt_at = now() + interval '1 hour' WHERE id = $1`,
      [id],
    );
    await sent.follow(event, { id, tenant_id: ada.user.tenant_id, subject_id: ada.user.id });
    await app.sql('DELETE FROM outbox WHERE id = $1', [id]);

    expect(await deliveriesOf(admin, endpoint)).toHaveLength(1);
    expect(receiver.got).toHaveLength(1);
  });
});

describe('a disabled endpoint', () => {
  it('is sent nothing; what waited goes when it is enabled, and what happened meanwhile was not asked for', async () => {
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    receiver.behaviour = () => 500;
    const before = await paid(ada);
    await receiver.until('payment.succeeded');
    await admin.patch(`/webhook-endpoints/${endpoint.id}`, { status: 'disabled' });
    await nothingUnderWay(app, endpoint); // What had begun may still come.
    receiver.behaviour = () => 200;
    await paid(ada);
    await quiescence(app);
    await makeDue(app, endpoint);
    const heard = receiver.got.length;
    expect((await deliveriesOf(admin, endpoint)).map(({ status }) => status)).toEqual(['pending']);

    await admin.patch(`/webhook-endpoints/${endpoint.id}`, { status: 'enabled' });
    await untilDeliveries(admin, endpoint, all('delivered'));
    expect(receiver.got.length).toBeGreaterThanOrEqual(heard + 1);
    expect(new Set(receiver.got.map(({ event }) => event.data.id))).toEqual(new Set([before.id]));
  });
});

describe('a rotated secret', () => {
  it('signs beside the one before it for a day, then alone', async () => {
    const { secret: first, ...endpoint } = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    const { status, body } = await admin.post(`/webhook-endpoints/${endpoint.id}/rotate-secret`);
    expect([status, body.id, body.secret === first]).toEqual([200, endpoint.id, false]);
    await paid(ada);
    const [both] = await receiver.until('payment.succeeded');

    expect(isSigned(both!, first)).toBe(true);
    expect(isSigned(both!, body.secret)).toBe(true);
    const { body: third } = await admin.post(`/webhook-endpoints/${endpoint.id}/rotate-secret`);
    await paid(ada);
    const [, later] = await receiver.until('payment.succeeded', 2);
    expect([first, body.secret, third.secret].map((secret) => isSigned(later!, secret))).toEqual([false, true, true]);

    const [row] = await app.sql(
      `UPDATE webhook_endpoints SET previous_expires_at = previous_expires_at - interval '1 day' WHERE id = $1
       RETURNING previous_expires_at BETWEEN now() - interval '1 minute' AND now() AS over`,
      [endpoint.id],
    );
    expect(row.over).toBe(true);
    await paid(ada);
    const [, , alone] = await receiver.until('payment.succeeded', 3);
    expect([body.secret, third.secret].map((secret) => isSigned(alone!, secret))).toEqual([false, true]);
  });
});
