import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Timings } from '../../src/config/timings.js';
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

describe('a receiver', () => {
  it('that is down for a day gets every event once it is back, in signed form', async () => {
    // With the shipped patience, on a database of its own.
    const patient = await startApp({
      database: 'own',
      timings: { webhook_backoff_ms: new Timings().webhook_backoff_ms },
    });
    const [admin, ada] = [await patient.tenantAdmin(), await patient.signUp()];
    const { secret, ...endpoint } = await endpointAt(admin, receiver.url());
    await receiver.down();
    const payments = [await paid(ada), await paid(ada, { payment_method: 'pm_sim_3ds_required' }), await paid(ada)];
    await quiescence(patient);
    const waiting = await deliveriesOf(admin, endpoint);
    for (const hours of [0, 1, 6, 24]) {
      // Time goes by: what waits is due, and fails again.
      await patient.sql(
        `UPDATE webhook_deliveries SET created_at = created_at - $1 * interval '1 hour', next_attempt_at = now()`,
        [hours],
      );
      await untilDeliveries(admin, endpoint, (found) =>
        found.every(({ next_attempt_at }) => Date.parse(next_attempt_at) > Date.now()),
      );
    }
    const down = await deliveriesOf(admin, endpoint);
    expect(down).toEqual(
      waiting.map(() =>
        expect.objectContaining({ status: 'pending', last_status: null, attempts: expect.any(Number) }),
      ),
    );
    expect(Math.min(...down.map(({ attempts }) => attempts))).toBeGreaterThanOrEqual(4);

    await receiver.back();
    await makeDue(patient, endpoint);
    await untilDeliveries(admin, endpoint, all('delivered'));
    const heard = receiver.got.map(({ event }) => `${event.type} ${event.data.id}`);
    for (const { id } of payments) expect(heard).toContain(`payment.created ${id}`);
    expect(receiver.ofType('payment.succeeded')).toHaveLength(2);
    expect(receiver.got).toHaveLength(waiting.length);
    for (const one of receiver.got) expect(isSigned(one, secret)).toBe(true);
    await patient.close();
  });

  it('that answers 410 is asked no more, which the trail says; what waits goes once it is enabled again', async () => {
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    receiver.behaviour = () => 410;
    await paid(ada);
    await eventually(async () => (await admin.get(`/webhook-endpoints/${endpoint.id}`)).body.status === 'disabled');
    await makeDue(app, endpoint);
    await paid(ada);
    await quiescence(app);

    expect(receiver.got).toHaveLength(1);
    expect(await deliveriesOf(admin, endpoint)).toMatchObject([{ status: 'pending', last_status: 410 }]);
    const { body } = await admin.get('/audit-events?action=webhook_endpoint_disabled');
    expect(body.data[0]).toMatchObject({ actor: { type: 'system' }, reason: 'gone', subject: { id: endpoint.id } });

    receiver.behaviour = () => 200;
    await admin.patch(`/webhook-endpoints/${endpoint.id}`, { status: 'enabled' });
    await untilDeliveries(admin, endpoint, all('delivered'));
    expect(receiver.got).toHaveLength(2);
  });

  it('that fails the last attempt is asked again, when somebody has wanted it sent again meanwhile', async () => {
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    receiver.behaviour = () => (receiver.got.length === 8 ? held.then(() => 500) : 503);
    await paid(ada);
    await eventually(
      async () => {
        await makeDue(app, endpoint);
        if (receiver.got.length < 8) throw new Error(`${receiver.got.length} of 8 attempts`);
      },
      { within: 30_000 },
    );
    const [{ id }] = await deliveriesOf(admin, endpoint);
    expect((await admin.post(`/webhook-deliveries/${id}/resend`)).status).toBe(202);
    answer();
    await receiver.until('payment.succeeded', 9);
    await nothingUnderWay(app, endpoint);

    expect((await deliveriesOf(admin, endpoint))[0]).toMatchObject({ status: 'pending', last_status: 503 });
  });

  it('that never answers, or never ends, is given up in time and tried again', async () => {
    const hurried = await startApp({ database: 'own', timings: { webhook_timeout_ms: 2_000 } });
    const [admin, ada] = [await hurried.tenantAdmin(), await hurried.signUp()];
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    receiver.behaviour = () => undefined;
    await paid(ada);
    await untilDeliveries(admin, endpoint, ([one]) => one?.attempts > 1);
    const [row] = await hurried.sql('SELECT last_status, last_error FROM webhook_deliveries WHERE endpoint_id = $1', [
      endpoint.id,
    ]);
    expect(row).toEqual({ last_status: null, last_error: 'TimeoutError 23' });

    receiver.behaviour = (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'.repeat(5_000)), 5);
      response.on('close', () => clearInterval(drip));
    };
    await makeDue(hurried, endpoint);
    await untilDeliveries(admin, endpoint, all('delivered'));
    await hurried.close();
  });

  it('that gives the connection to another protocol has refused, and is tried again', async () => {
    const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
    receiver.behaviour = (_, response) => void response.socket?.write(switching);
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    await paid(ada);

    const [delivery] = await untilDeliveries(admin, endpoint, ([one]) => one?.attempts > 1);
    expect(delivery).toMatchObject({ last_status: 101 });
  });

  it('that answers at length is heard out for 64 KiB, and no more', async () => {
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    let cut = (): void => undefined;
    const wasCut = new Promise<void>((resolve) => (cut = resolve));
    let written = 0;
    receiver.behaviour = (_, response) => {
      response.writeHead(200);
      response.on('close', cut);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1_024))) written += 1;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    await paid(ada);
    await wasCut;

    await untilDeliveries(admin, endpoint, all('delivered'));
    expect(written).toBeLessThan(1_000);
  });

  it('that is slow holds up nobody else, and has no more than four at once', async () => {
    const slow = await Receiver.start();
    let [now, most] = [0, 0];
    slow.behaviour = async (_, response) => {
      most = Math.max(most, ++now);
      response.on('close', () => (now -= 1));
      return undefined;
    };
    await endpointAt(admin, slow.url());
    await endpointAt(admin, receiver.url());
    for (let count = 0; count < 6; count++) await paid(ada);

    await receiver.until('payment.succeeded', 6);
    expect(most).toBeLessThanOrEqual(4);
    await slow.stop();
  });
});
