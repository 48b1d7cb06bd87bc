import { request } from 'node:http';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { insertCaptures, parseCsv } from '../support/books.js';
import type { Client } from '../support/client.js';
import { paid } from '../support/payments.js';

const CSV = { accept: 'text/csv' };
const SALES = '/ledger/accounts/sales/entries';

let app: TestApp;
let tenant_id: string;
let admin: Client;
let platform: Client;
let ids: string[];
beforeAll(async () => {
  app = await startApp();
  tenant_id = await newTenant(app);
  [admin, platform] = [await member(app, tenant_id, 'admin'), await app.admin()];
  // More than the table is read in at once.
  ids = await insertCaptures(app, tenant_id, 1_100);
});

const idsOf = async (query: string, client = admin): Promise<string[]> => {
  const { status, body } = await client.get(`${SALES}?${query}`);
  expect(status).toBe(200);
  return body.data.map(({ id }: any) => id);
};

describe('the entries of an account', () => {
  it('are told newest first, as they were posted', async () => {
    const { body } = await admin.get(SALES);

    expect(body.data).toHaveLength(20);
    expect(body.has_more).toBe(true);
    expect(body.data[0]).toEqual({
      id: ids[0],
      at: expect.stringMatching(/Z$/),
      transaction_id: expect.any(String),
      account: 'sales',
      direction: 'credit',
      amount: 1_100,
      currency: 'EUR',
      source: { type: 'payment', id: expect.any(String) },
      event: 'captured',
    });
  });

  it('are paged in both directions, without a gap', async () => {
    expect(await idsOf('limit=3')).toEqual(ids.slice(0, 3));
    expect(await idsOf(`limit=3&starting_after=${ids[2]}`)).toEqual(ids.slice(3, 6));
    expect(await idsOf(`limit=3&ending_before=${ids[6]}`)).toEqual(ids.slice(3, 6));
    expect((await admin.get(`${SALES}?starting_after=${ids[1]}&ending_before=${ids[0]}`)).status).toBe(422);
  });

  it('are narrowed by currency and time', async () => {
    const other = await newTenant(app);
    const bookkeeper = await member(app, other, 'admin');
    const [euros, yens] = [await insertCaptures(app, other, 3), await insertCaptures(app, other, 2, 'JPY')];
    const { body } = await bookkeeper.get(`${SALES}?limit=100`);
    const middle = body.data.find(({ id }: any) => id === euros[1]).at;

    expect(body.data.map(({ id }: any) => id)).toEqual([...euros, ...yens].toSorted().toReversed());
    expect(await idsOf('currency=jpy', bookkeeper)).toEqual(yens);
    expect(await idsOf(`currency=EUR&since=${middle}`, bookkeeper)).toEqual(euros.slice(0, 2));
    expect(await idsOf(`currency=EUR&until=${middle}`, bookkeeper)).toEqual(euros.slice(2));
    expect((await bookkeeper.get(`${SALES}?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z`)).status).toBe(422);
  });

  it('are the tenant’s: for its admins, and for a platform admin who names it', async () => {
    const stranger = await member(app, await newTenant(app), 'admin');

    expect(await idsOf(`tenant_id=${tenant_id}&limit=2`, platform)).toEqual(ids.slice(0, 2));
    expect(await idsOf(`tenant_id=${tenant_id}`, stranger)).toEqual([]);
    expect(await idsOf('limit=100', stranger)).toEqual([]);
    expect(await (await app.signUp()).get(SALES)).toMatchObject({ status: 403 });
    expect((await stranger.get(`${SALES}?tenant_id=${tenant_id}`, CSV)).text.trim().split('\r\n')).toHaveLength(1);
  });

  it.each(['nothing', 'SALES', '__proto__', 'constructor', '%00'])('of %s are not there', async (code) => {
    const { status, body } = await admin.get(`/ledger/accounts/${code}/entries`);
    expect([status, body.code]).toEqual([404, 'ledger_account_not_found']);
    expect((await (await app.signUp()).get(`/ledger/accounts/${code}/entries`)).status).toBe(403);
  });
});

describe('the entries as a table', () => {
  it('are all that the filters select, and say the same as JSON', async () => {
    const answer = await admin.get(SALES, CSV);
    const pages: any[] = [];
    for (let after = ''; ; after = `&starting_after=${pages.at(-1).id}`) {
      const { body } = await admin.get(`${SALES}?limit=100${after}`);
      pages.push(...body.data);
      if (!body.has_more) break;
    }

    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="sales.csv"');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(pages).toHaveLength(1_100);
    expect(
      parseCsv(answer.text).map(({ amount, source_type, source_id, ...entry }) => {
        return { ...entry, amount: Number(amount), source: { type: source_type, id: source_id } };
      }),
    ).toEqual(pages);
  });

  it('are as many as were asked for, from the place that was asked for', async () => {
    const table = async (query: string) =>
      parseCsv((await admin.get(`${SALES}?${query}`, CSV)).text).map(({ id }) => id);

    expect(await table('limit=2')).toEqual(ids.slice(0, 2));
    expect(await table(`starting_after=${ids[1_090]}`)).toEqual(ids.slice(1_091));
    expect(await table(`ending_before=${ids[700]!.toUpperCase()}`)).toEqual(ids.slice(0, 700));
    expect(await table(`limit=2&ending_before=${ids[700]}`)).toEqual(ids.slice(698, 700));
    expect((await admin.get(`${SALES}?starting_after=${ids[1]}&ending_before=${ids[0]}`, CSV)).status).toBe(422);
    expect((await admin.get(`${SALES}?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z`, CSV)).status).toBe(422);
  });

  it('are for whoever names them; everybody else gets JSON', async () => {
    for (const accept of ['*/*', 'text/html', 'application/xml', 'text/csv;q=0']) {
      expect((await admin.get(SALES, { accept })).body).toMatchObject({ has_more: true });
    }
  });

  it('holds no connection while its reader takes its time, and ends when the reader goes', async () => {
    const { port } = new URL(app.url);
    const headers = { authorization: `Bearer ${admin.token}`, accept: 'text/csv', host: `127.0.0.1:${port}` };
    const slow = Array.from({ length: 30 }, () => {
      const sent = request({ port, path: `/api/v1${SALES}`, headers, agent: false });
      sent.on('response', (answer) => answer.pause()).on('error', () => undefined);
      sent.end();
      return sent;
    });
    await Promise.all(slow.map((sent) => new Promise((resolve) => sent.once('response', resolve))));

    expect(await idsOf('limit=1')).toEqual(ids.slice(0, 1));
    for (const sent of slow) sent.destroy();
    expect(await idsOf('limit=1')).toEqual(ids.slice(0, 1));
  });

  it('shows nobody’s words: a reference that a spreadsheet would run is not in it', async () => {
    const ada = await app.signUp();
    const reference = '=HYPERLINK("https://evil.example","Click")';
    const { id } = await paid(ada, { reference, description: '@SUM(1)', currency: 'CHF' });
    const { text } = await platform.get(`${SALES}?currency=CHF`, CSV);

    expect(parseCsv(text)).toMatchObject([{ source_id: id, amount: '4200', currency: 'CHF' }]);
    expect(text).not.toMatch(/HYPERLINK|SUM|(^|,)"?[=+@-]/m);
    expect(platform.user.tenant_id).toBe(DEFAULT_TENANT_ID);
  });
});

describe('the sums of the books', () => {
  it('are told to the last digit, however large they have grown', async () => {
    const old = await newTenant(app);
    const bookkeeper = await member(app, old, 'admin');
    await insertCaptures(app, old, 3, 'EUR', () => Number.MAX_SAFE_INTEGER);
    const balance = await bookkeeper.get('/ledger/trial-balance');
    const accounts = await bookkeeper.get('/ledger/accounts');

    expect([balance.status, accounts.status]).toEqual([200, 200]);
    expect(balance.headers.get('content-type')).toBe('application/json; charset=utf-8');
    // No number of ours holds it: only the text tells.
    const sum = '27021597764222973';
    expect(balance.text).toBe(`{"data":[{"currency":"EUR","debits":${sum},"credits":${sum},"difference":0}]}`);
    expect(accounts.text.match(/"balance":\d+/g)).toEqual([`"balance":${sum}`, `"balance":${sum}`]);
  });
});

describe('the statement of a payment', () => {
  it('is the same for its owner and for the tenant’s admins', async () => {
    const [ada, tenantAdmin] = [await app.signUp(), await app.tenantAdmin()];
    const { id } = await paid(ada);
    for (const part of ['timeline', 'ledger']) {
      const { body } = await ada.get(`/payments/${id}/${part}`);

      expect(body.data.length).toBeGreaterThan(1);
      expect((await tenantAdmin.get(`/payments/${id}/${part}`)).body).toEqual(body);
      expect((await platform.get(`/payments/${id}/${part}`)).body).toEqual(body);
      expect((await admin.get(`/payments/${id}/${part}`)).status).toBe(404);
    }
  });
});
