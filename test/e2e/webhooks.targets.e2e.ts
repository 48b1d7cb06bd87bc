import { createServer, type AddressInfo } from 'node:net';
import { Names } from '../../src/webhooks/targets/names.js';
import { startApp, type TestApp } from '../support/app.js';
import { atEnd } from '../support/clean-up.js';
import type { Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { paid } from '../support/payments.js';
import { endpointAt, nothingUnderWay, Receiver } from '../support/receiver.js';

jest.setTimeout(60_000);

/** Only this network is open: loopback, where everything listens, is as private as in production. */
/** Where nobody listens, here or anywhere. */
const NOWHERE = '127.9.9.9';
const CLOSED = {
  settings: { WEBHOOK_ALLOWED_CIDRS: '10.255.0.0/16,127.9.0.0/16' },
  timings: { webhook_timeout_ms: 2_000 },
};

let app: TestApp;
let admin: Client;
let ada: Client;
let receiver: Receiver;
beforeAll(async () => {
  app = await startApp(CLOSED);
  [admin, ada, receiver] = [await app.tenantAdmin(), await app.signUp(), await Receiver.start()];
});

/** The real look-up in all but the names: these stand for what they are said to. @returns which were asked for. */
function naming(answer: (name: string, asked: number) => readonly string[] | Promise<readonly string[]>): string[] {
  const asked: string[] = [];
  app.app.get(Names, { strict: false }).resolve = async (name) => {
    asked.push(name);
    return answer(name, asked.length);
  };
  return asked;
}

/** How the attempts of the only delivery of an endpoint have gone so far. */
const attemptsAt = (endpoint: { id: string }, count: number): Promise<any> =>
  eventually(async () => {
    const [row] = await app.sql(
      'SELECT attempts, status, last_status, last_error FROM webhook_deliveries WHERE endpoint_id = $1',
      [endpoint.id],
    );
    if (!row?.last_error || row.attempts < count) throw new Error(`Not yet: ${JSON.stringify(row)}`);
    return row;
  });

const SUCCEEDED = { events: ['payment.succeeded'] };

describe('a receiver at a private address (SEC-65)', () => {
  it.each([
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '017700000001',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::7f00:1]',
    'localhost',
  ])('by its number is refused when it is named: %s', async (host) => {
    const { status, body } = await admin.post('/webhook-endpoints', { url: receiver.url(host) });

    expect([status, body.errors]).toEqual([422, [expect.objectContaining({ pointer: '#/url', code: 'address' })]]);
    const { id } = await endpointAt(admin, 'http://shop.example.com/');
    expect((await admin.patch(`/webhook-endpoints/${id}`, { url: receiver.url(host) })).status).toBe(422);
    await admin.delete(`/webhook-endpoints/${id}`);
  });

  it.each([
    [['127.0.0.1']],
    [['10.255.0.1', '127.0.0.1']],
    [['::1']],
    [['::ffff:127.0.0.1']],
    [['64:ff9b::127.0.0.1']],
    [['169.254.169.254']],
    [['100.64.0.1']],
    [['0.0.0.0']],
  ])('by a name is refused when it is asked, and hears nothing: %j', async (addresses) => {
    const asked = naming(() => addresses);
    const endpoint = await endpointAt(admin, receiver.url('shop.example.com'), SUCCEEDED);
    await paid(ada);

    expect(await attemptsAt(endpoint, 2)).toMatchObject({ last_status: null, last_error: 'AddressRefusedError' });
    expect(asked[0]).toBe('shop.example.com');
    expect(receiver.got).toEqual([]);
    await admin.delete(`/webhook-endpoints/${endpoint.id}`);
  });

  it('by an address that was named elsewhere, or opened before, is refused when it is asked', async () => {
    const { id } = await endpointAt(admin, 'http://shop.example.com/', SUCCEEDED);
    await app.sql('UPDATE webhook_endpoints SET url = $2 WHERE id = $1', [id, receiver.url()]);
    await paid(ada);

    expect(await attemptsAt({ id }, 1)).toMatchObject({ last_error: 'AddressRefusedError' });
    expect(receiver.got).toEqual([]);
    await admin.delete(`/webhook-endpoints/${id}`);
  });

  it('is not found by asking again: a name that stands for another address once it was looked at', async () => {
    let goOn = (): void => undefined;
    const wasSeen = new Promise<void>((resolve) => (goOn = resolve));
    const asked = naming(async (_, count) => {
      if (count === 1) return [NOWHERE];
      await wasSeen;
      return ['127.0.0.1'];
    });
    const endpoint = await endpointAt(admin, receiver.url('rebinding.example.com'), SUCCEEDED);
    await paid(ada);
    const first = await attemptsAt(endpoint, 1);
    goOn();
    await eventually(async () => (await attemptsAt(endpoint, 2)).last_error === 'AddressRefusedError');
    // It would be asked again and again, and be counted in between.
    await admin.patch(`/webhook-endpoints/${endpoint.id}`, { status: 'disabled' });
    await nothingUnderWay(app, endpoint);
    const { attempts } = await attemptsAt(endpoint, 2);

    expect(first.last_error).not.toBe('AddressRefusedError');
    expect(asked.length).toBe(attempts);
    expect(receiver.got).toEqual([]);
    await admin.delete(`/webhook-endpoints/${endpoint.id}`);
  });
});

describe('a receiver by name', () => {
  it('is asked at the address that was looked at, under its own name', async () => {
    // Of the same database the other app, which finds this address private, would take some attempts.
    const open = await startApp({ database: 'own' });
    open.app.get(Names, { strict: false }).resolve = async () => ['127.0.0.1'];
    const [chief, bob] = [await open.tenantAdmin(), await open.signUp()];
    const shop = await Receiver.start();
    const { id } = await endpointAt(chief, shop.url('shop.example.com'), SUCCEEDED);
    await paid(bob);
    const [got] = await shop.until('payment.succeeded');

    expect(got!.headers.host).toBe(new URL(shop.url('shop.example.com')).host);
    await chief.delete(`/webhook-endpoints/${id}`);
    await open.close();
  });
});

describe('a proxy', () => {
  it('that the environment names hears nothing', async () => {
    const heard: string[] = [];
    const proxy = createServer((socket) => socket.on('data', (data) => heard.push(String(data))));
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const variables = { http_proxy: url, HTTP_PROXY: url, https_proxy: url, all_proxy: url, NODE_USE_ENV_PROXY: '1' };
    const before = { ...process.env };
    Object.assign(process.env, variables);
    atEnd(async () => {
      for (const name of Object.keys(variables))
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
    });
    const open = await startApp({ database: 'own' });
    const [chief, bob] = [await open.tenantAdmin(), await open.signUp()];
    const shop = await Receiver.start();
    await endpointAt(chief, shop.url(), SUCCEEDED);
    await paid(bob);
    await shop.until('payment.succeeded');

    expect(heard).toEqual([]);
    await open.close();
    await new Promise((resolve) => proxy.close(resolve));
  });
});

it('DNS itself is asked for a name, and not what this machine knows', async () => {
  const names = new Names();
  const signal = AbortSignal.timeout(10_000);

  expect(await names.resolve('localhost', signal)).toEqual(['127.0.0.1', '::1']);
  await expect(names.resolve('no-such-name.invalid', signal)).rejects.toMatchObject({ code: expect.any(String) });
  const late = new AbortController();
  const asked = names.resolve('shop.example.com', late.signal).catch((error: unknown) => error);
  late.abort();
  expect(await asked).toBeDefined();
});
