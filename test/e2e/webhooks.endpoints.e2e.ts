import { randomUUID } from 'node:crypto';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { endpointAt } from '../support/receiver.js';
import { EVENT, eventsOfRequest } from '../support/trail.js';
import { times } from '../support/visitors.js';

const URL_OF_SHOP = 'https://shop.example.com/webhooks';

let app: TestApp;
let admin: Client;
beforeAll(async () => {
  app = await startApp({ settings: { PROCESS_ROLE: 'api' } });
  admin = await member(app, await newTenant(app), 'admin');
});

const codes = (body: any): string[] => body.errors.map(({ pointer, code }: any) => `${pointer} ${code}`);

describe('a webhook endpoint', () => {
  it('is made for all events unless some are named, and shows its secret this once', async () => {
    const { status, body, headers } = await admin.post('/webhook-endpoints', { url: URL_OF_SHOP });

    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/webhook-endpoints/${body.id}`);
    expect(body).toEqual({
      id: expect.any(String),
      url: URL_OF_SHOP,
      events: ['payment.*', 'refund.*', 'dispute.*'],
      description: null,
      status: 'enabled',
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
      created_at: expect.any(String),
      updated_at: body.created_at,
    });
    const { secret: _, ...shown } = body;
    expect((await admin.get(`/webhook-endpoints/${body.id}`)).body).toEqual(shown);
    expect((await admin.get('/webhook-endpoints')).body.data[0]).toEqual(shown);
  });

  it('keeps its secret sealed: neither the table nor the log can be read', async () => {
    const { secret } = await endpointAt(admin, URL_OF_SHOP);
    const [{ row }] = await app.sql('SELECT string_agg(e::text, chr(10)) AS row FROM webhook_endpoints e');
    const bytes = Buffer.from(secret.slice('whsec_'.length), 'base64');

    for (const form of [secret.slice(6), bytes.toString('hex')]) {
      expect(row).not.toContain(form);
      expect(app.logs.join('\n')).not.toContain(form);
    }
  });

  it('changes in the fields that are given, and null clears its description', async () => {
    const { id, created_at } = await endpointAt(admin, URL_OF_SHOP, {
      description: ' The shop ',
      events: ['refund.*'],
    });
    const path = `/webhook-endpoints/${id}`;
    const url = 'https://shop.example.com/elsewhere';
    const { body } = await admin.patch(path, { url, events: ['payment.succeeded'], status: 'disabled' });

    expect(body).toMatchObject({
      url,
      events: ['payment.succeeded'],
      status: 'disabled',
      description: 'The shop',
      created_at,
    });
    expect((await admin.patch(path, { description: null })).body.description).toBeNull();
    const before = (await admin.get(path)).body;
    expect((await admin.patch(path, {})).body).toEqual(before);
    expect((await admin.patch(path, { status: 'disabled', url })).body).toEqual(before);
  });

  it('is gone once it is deleted', async () => {
    const { id } = await endpointAt(admin, URL_OF_SHOP);
    expect((await admin.delete(`/webhook-endpoints/${id}`)).status).toBe(204);

    for (const answer of [
      await admin.get(`/webhook-endpoints/${id}`),
      await admin.delete(`/webhook-endpoints/${id}`),
      await admin.patch(`/webhook-endpoints/${id}`, { status: 'enabled' }),
      await admin.post(`/webhook-endpoints/${id}/rotate-secret`),
      await admin.get(`/webhook-endpoints/${id}/deliveries`),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([404, 'webhook_endpoint_not_found']);
    }
  });

  it.each<[what: string, body: object, codes: string[]]>([
    ['without an address', {}, ['#/url required']],
    ['with an address of another scheme', { url: 'ftp://example.com/' }, ['#/url url']],
    ['with an address that is none until somebody mends it', { url: 'https:example.com' }, ['#/url url']],
    ['with a name and a password in the address', { url: 'https://ada:secret@example.com/' }, ['#/url url']],
    ['with events that there are not', { url: URL_OF_SHOP, events: ['payment.*', 'user.*'] }, ['#/events enum']],
    ['with no events', { url: URL_OF_SHOP, events: [] }, ['#/events min_items']],
    ['with an event twice', { url: URL_OF_SHOP, events: ['refund.*', 'refund.*'] }, ['#/events unique']],
    ['with null for a description', { url: URL_OF_SHOP, description: null }, ['#/description not_null']],
    ['with a secret of its own', { url: URL_OF_SHOP, secret: 'whsec_x' }, ['#/secret unknown_field']],
  ])('%s is refused', async (_, body, expected) => {
    const answer = await admin.post('/webhook-endpoints', body);

    expect(answer.status).toBe(422);
    expect(codes(answer.body)).toEqual(expected);
  });

  it('is one of twenty at most, however many are made at once', async () => {
    const other = await member(app, await newTenant(app), 'admin');
    const answers = await times(25, () => other.post('/webhook-endpoints', { url: URL_OF_SHOP }));

    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
    const refused = answers.filter(({ status }) => status !== 201);
    expect(refused.map(({ status, body }) => [status, codes(body)])).toEqual(times5([422, ['# too_many']]));
    expect((await other.get('/webhook-endpoints?per_page=5')).body).toMatchObject({ total: 20, per_page: 5 });
  });

  it('belongs to its tenant: another one’s admin finds none, and a platform admin finds each', async () => {
    const { id } = await endpointAt(admin, URL_OF_SHOP);
    const [stranger, platform] = [await member(app, await newTenant(app), 'admin'), await app.admin()];
    const named = `/webhook-endpoints?tenant_id=${admin.user.tenant_id}`;

    expect((await stranger.get(`/webhook-endpoints/${id}`)).status).toBe(404);
    expect((await stranger.get(named)).body).toMatchObject({ data: [], total: 0 });
    expect((await stranger.get('/webhook-endpoints')).body.data).toEqual([]);
    expect((await platform.get(`/webhook-endpoints/${id}`)).status).toBe(200);
    expect((await platform.get(named)).body.data.map((one: any) => one.id)).toContain(id);
    expect((await platform.get('/webhook-endpoints')).body.data.map((one: any) => one.id)).not.toContain(id);
  });

  it('lists its deliveries under the name of its tenant, and none under another’s', async () => {
    const { id } = await endpointAt(admin, URL_OF_SHOP);
    const { tenant_id } = admin.user;
    await app.sql(
      `INSERT INTO webhook_deliveries (id, tenant_id, endpoint_id, event_id, type, body, key_id)
       VALUES (gen_random_uuid(), $1, $2, gen_random_uuid(), 'payment.succeeded', '', 'x')`,
      [tenant_id, id],
    );
    const [platform, elsewhere] = [await app.admin(), await newTenant(app)];
    const path = `/webhook-endpoints/${id}/deliveries`;
    const count = async (by: Client, named: string): Promise<number> => {
      const { status, body } = await by.get(`${path}?tenant_id=${named}`);
      return status === 200 ? body.data.length : status;
    };

    for (const by of [admin, platform]) {
      expect([await count(by, tenant_id), await count(by, tenant_id.toUpperCase())]).toEqual([1, 1]);
      expect([await count(by, elsewhere), await count(by, randomUUID())]).toEqual([0, 0]);
      expect((await by.get(path)).body.data).toHaveLength(1);
    }
    const stranger = await member(app, elsewhere, 'admin');
    for (const named of [tenant_id, elsewhere]) expect(await count(stranger, named)).toBe(404);
    const { status, body } = await platform.get(`${path}?tenant_id=default`);
    expect([status, codes(body)]).toEqual([422, ['?tenant_id min_length']]);
  });

  it('is made by nobody who was an admin until a moment ago', async () => {
    const tenant_id = await newTenant(app);
    const [chief, demoted] = [await member(app, tenant_id, 'admin'), await member(app, tenant_id, 'admin')];
    await chief.patch(`/users/${demoted.user.id}`, { role: 'user' });

    expect((await demoted.post('/webhook-endpoints', { url: URL_OF_SHOP })).status).toBe(403);
    expect((await chief.get('/webhook-endpoints')).body.total).toBe(0);
  });
});

const times5 = <T>(one: T): T[] => Array.from({ length: 5 }, () => one);

describe('each change to a webhook endpoint is one event of the trail', () => {
  const at = (id: string): string => `/webhook-endpoints/${id}`;
  type Act = (id: string, headers: Record<string, string>) => Promise<unknown>;

  it.each<[what: string, act: Act, events: object[]]>([
    [
      'a change of address and events',
      (id, headers) => admin.patch(at(id), { url: `${URL_OF_SHOP}/2`, events: ['refund.*'] }, headers),
      [{ action: 'webhook_endpoint_updated', changes: ['url', 'events'] }],
    ],
    [
      'a disabling, and a description, each its own',
      (id, headers) => admin.patch(at(id), { status: 'disabled', description: 'Off' }, headers),
      [
        { action: 'webhook_endpoint_disabled', changes: ['status'] },
        { action: 'webhook_endpoint_updated', changes: ['description'] },
      ],
    ],
    [
      'another secret',
      (id, headers) => admin.post(`${at(id)}/rotate-secret`, undefined, headers),
      [{ action: 'webhook_endpoint_rotated' }],
    ],
    ['a removal', (id, headers) => admin.delete(at(id), undefined, headers), [{ action: 'webhook_endpoint_deleted' }]],
    ['nothing new: none', (id, headers) => admin.patch(at(id), { url: URL_OF_SHOP }, headers), []],
    ['what is refused: none', (id, headers) => admin.patch(at(id), { url: 'http://10.0.0.1/' }, headers), []],
  ])('%s', async (_, act, events) => {
    const { id } = await endpointAt(admin, URL_OF_SHOP);
    const request_id = randomUUID();
    await act(id, { 'x-request-id': request_id });

    // Of one moment, they are in no order.
    const found = await eventsOfRequest(app, request_id);
    expect(found.toSorted((one, other) => one.action.localeCompare(other.action))).toEqual(
      events.map((event) => ({
        ...EVENT,
        tenant_id: admin.user.tenant_id,
        actor_type: 'user',
        actor_id: admin.user.id,
        subject_type: 'webhook_endpoint',
        subject_id: id,
        ...event,
      })),
    );
    await admin.delete(at(id));
  });

  it('its making too', async () => {
    const request_id = randomUUID();
    const body = { url: URL_OF_SHOP };
    const { body: made } = await admin.post('/webhook-endpoints', body, { 'x-request-id': request_id });

    expect(await eventsOfRequest(app, request_id)).toMatchObject([
      { action: 'webhook_endpoint_created', subject_id: made.id, changes: [] },
    ]);
  });
});
