import { randomUUID } from 'node:crypto';
import { Hooks } from '../../src/common/hooks.js';
import { ExportsPersonalData, type ExportedTables, type Exporter } from '../../src/common/personal-data.js';
import { Database } from '../../src/database/database.js';
import { Outbox } from '../../src/database/outbox.js';
import { Retention } from '../../src/database/retention/retention.js';
import { OutgoingEvents } from '../../src/webhooks/deliveries/outgoing-events.js';
import { WebhookDeliveriesService } from '../../src/webhooks/deliveries/deliveries.service.js';
import { rowsHolding } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { paid, quiescence } from '../support/payments.js';
import { deliveriesOf, endpointAt, Receiver, untilDeliveries } from '../support/receiver.js';
import { redisContents } from '../support/redis-contents.js';

jest.setTimeout(60_000);

let app: TestApp;
let admin: Client;
let receiver: Receiver;
beforeAll(async () => {
  app = await startApp();
  [admin, receiver] = [await app.tenantAdmin(), await Receiver.start()];
});

describe('what is told of a person', () => {
  it('can be read by the receiver alone, and goes with the account: what was sent, and what waits', async () => {
    const canary = `canary-${randomUUID()}`;
    const [ada, bob] = [await app.signUp(), await app.signUp()];
    const endpoint = await endpointAt(admin, receiver.url());
    await paid(ada, { reference: `${canary}-sent`, description: canary });
    await receiver.until('payment.succeeded');
    receiver.behaviour = () => 503;
    await paid(ada, { reference: `${canary}-waits`, metadata: { note: canary } });
    const others = await paid(bob);
    await quiescence(app);
    const sealed = await app.sql(`SELECT encode(body, 'escape') AS text FROM webhook_deliveries`);
    expect(sealed.length).toBeGreaterThan(4);
    expect(JSON.stringify(sealed)).not.toContain(canary);
    expect(receiver.got.some(({ body }) => body.includes(canary))).toBe(true);
    expect(app.logs.join('\n')).not.toContain(canary);
    expect((await redisContents(app)).join('\n')).not.toContain(canary);

    expect((await (await app.admin()).delete(`/users/${ada.user.id}`)).status).toBe(204);
    expect(await app.sql('SELECT 1 FROM webhook_deliveries WHERE subject_id = $1', [ada.user.id])).toEqual([]);
    expect(await rowsHolding(app, [canary])).toEqual([]);
    const left = await deliveriesOf(admin, endpoint);
    expect(left.length).toBeGreaterThan(0);
    const [{ count }] = await app.sql('SELECT count(*)::int FROM webhook_deliveries WHERE subject_id = $1', [
      others.owner_id,
    ]);
    expect(count).toBe(left.length);
    receiver.behaviour = () => 204;
    await admin.delete(`/webhook-endpoints/${endpoint.id}`);
  });

  it('is written down no more once the account is gone, though its event was under way', async () => {
    const ada = await app.signUp();
    const endpoint = await endpointAt(admin, receiver.url());
    const gone_event = randomUUID();
    const event = { type: 'payment.succeeded', timestamp: new Date().toISOString(), data: { reference: 'canary' } };
    const origin = { id: gone_event, tenant_id: ada.user.tenant_id, subject_id: ada.user.id };
    await app.app.get(OutgoingEvents, { strict: false }).follow(event, origin);

    expect(await deliveriesOf(admin, endpoint)).toEqual([]);
    const database = app.app.get(Database);
    expect(await database.asSystem(() => app.app.get(Outbox).isWaiting(gone_event))).toBe(false);
    await admin.delete(`/webhook-endpoints/${endpoint.id}`);
  });

  it('waits for an erasure that is under way, and comes to nothing', async () => {
    const ada = await app.signUp();
    const endpoint = await endpointAt(admin, receiver.url());
    const [database, outbox] = [app.app.get(Database), app.app.get(Outbox)];
    const { tenant_id, id: subject_id } = ada.user;
    // Of a topic that nobody delivers, so that it stays where it is.
    const entry = { topic: 'nobody', tenant_id, subject_id, dedupe_key: randomUUID(), payload: {} };
    await database.asTenant(tenant_id, () => outbox.add(entry));
    const [{ id }] = await app.sql('SELECT id FROM outbox WHERE dedupe_key = $1', [entry.dedupe_key]);
    const event = { type: 'payment.succeeded', timestamp: new Date().toISOString(), data: {} };
    let [hold, release] = [(): void => undefined, (): void => undefined];
    const held = new Promise<void>((resolve) => (hold = resolve));
    const released = new Promise<void>((resolve) => (release = resolve));
    const erasing = database.asSystem(() =>
      database.transaction(async () => {
        await app.app.get(WebhookDeliveriesService, { strict: false }).erase(subject_id);
        await outbox.erase(subject_id);
        hold();
        await released;
      }),
    );
    await held;
    let ended = false;
    const following = app.app
      .get(OutgoingEvents, { strict: false })
      .follow(event, { id, tenant_id, subject_id })
      .then(() => (ended = true));
    await eventually(async () => {
      const waiting = `SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted`;
      return (await app.sql(waiting)).length > 0;
    });
    expect(ended).toBe(false);
    release();
    await Promise.all([erasing, following]);

    expect(await deliveriesOf(admin, endpoint)).toEqual([]);
    await admin.delete(`/webhook-endpoints/${endpoint.id}`);
  });

  it('is part of an export, but for what was told', async () => {
    const ada = await app.signUp();
    const endpoint = await endpointAt(admin, receiver.url(), { events: ['payment.succeeded'] });
    await paid(ada, { reference: 'order-4711' });
    await untilDeliveries(admin, endpoint, ([one]) => one?.status === 'delivered');
    const exporters = app.app.get(Hooks).find<ExportedTables, Exporter>(ExportsPersonalData);
    const { handle } = exporters.find(({ options }) => options.part === 'webhook_deliveries')!;
    const told = await app.app
      .get(Database)
      .asTenant(ada.user.tenant_id, () => handle(ada.user.id, { after: null, limit: 10 }));

    expect(told).toEqual([
      {
        id: expect.any(String),
        type: 'payment.succeeded',
        status: 'delivered',
        created_at: expect.any(Date),
        delivered_at: expect.any(Date),
      },
    ]);
    await admin.delete(`/webhook-endpoints/${endpoint.id}`);
  });

  it('is forgotten after a month, whatever became of it', async () => {
    const ada = await app.signUp();
    const endpoint = await endpointAt(admin, receiver.url());
    await paid(ada);
    await receiver.until('payment.succeeded');
    await quiescence(app);
    const [one, ...rest] = await deliveriesOf(admin, endpoint);
    await app.sql(`UPDATE webhook_deliveries SET created_at = created_at - interval '31 days' WHERE id = $1`, [one.id]);
    await app.app.get(Retention, { strict: false }).sweep();

    expect((await deliveriesOf(admin, endpoint)).map(({ id }) => id)).toEqual(rest.map(({ id }) => id));
    await admin.delete(`/webhook-endpoints/${endpoint.id}`);
  });
});
