import { randomUUID } from 'node:crypto';
import { uuidv7 } from '../../src/common/uuid.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { conforming } from '../support/conformance.js';

let app: TestApp;
let tenant_id: string;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  tenant_id = await newTenant(app);
  [admin, platform] = await Promise.all([member(app, tenant_id, 'admin'), app.admin()]);
});

interface Event {
  readonly id: string;
  readonly at: string;
  readonly action: string;
}

const read = async (client: Client, query = ''): Promise<{ data: Event[]; has_more: boolean }> => {
  const { status, body } = await client.get(`/audit-events${query}`);
  expect(status).toBe(200);
  return body;
};
const ids = ({ data }: { data: readonly Event[] }): string[] => data.map(({ id }) => id);

describe('GET /audit-events', () => {
  it('is for admins', async () => {
    const user = await member(app, tenant_id);

    expect((await app.request('GET', '/audit-events')).body).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect((await user.get('/audit-events')).body).toMatchObject({ status: 403, code: 'forbidden' });
  });

  it('tells who did what to whom, the newest first', async () => {
    const { user } = await member(app, tenant_id);
    const request_id = randomUUID();
    await admin.patch(`/users/${user.id}`, { role: 'admin' }, { 'x-request-id': request_id });
    const { body, headers } = await conforming(app.send)('GET', '/audit-events?limit=1', { token: admin.token });

    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      data: [
        {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          tenant_id,
          actor: { type: 'user', id: admin.user.id },
          action: 'authz_change',
          subject: { type: 'user', id: user.id },
          outcome: 'success',
          reason: null,
          request_id,
          ip: '127.0.0.0/24',
          changes: ['role'],
        },
      ],
      has_more: true,
    });
  });

  it('tells an admin of the own tenant alone, and a platform admin of the one that is named (SEC-42)', async () => {
    const other = await newTenant(app);
    const stranger = await member(app, other, 'admin');
    const [mine, its] = [await read(admin, '?limit=100'), await read(stranger, '?limit=100')];

    expect(ids(its)).toHaveLength(1);
    expect(ids(mine)).not.toContain(ids(its)[0]);
    expect(ids(await read(platform, `?tenant_id=${other}`))).toEqual(ids(its));
    expect((await platform.get('/audit-events')).body.data[0].tenant_id).toBe(DEFAULT_TENANT_ID);
    expect(await read(admin, `?tenant_id=${other}`)).toEqual({ data: [], has_more: false });
    expect(await read(admin, `?subject_id=${stranger.user.id}`)).toEqual({ data: [], has_more: false });
    expect(ids(await read(admin, `?limit=100&tenant_id=${tenant_id.toUpperCase()}`))).toEqual(ids(mine));
  });
});

/** A trail of its own: an event a day, from the first of May 2026 on, by turns of two kinds. */
async function written(days: number): Promise<{ owner: Client; tenant: string; actors: string[]; all: string[] }> {
  const tenant = await newTenant(app);
  const owner = await member(app, tenant, 'admin');
  const actors = [randomUUID(), randomUUID()];
  const all: string[] = [];
  for (let day = 0; day < days; day++) {
    const at = new Date(Date.UTC(2026, 4, 1 + day));
    all.push(uuidv7(at.getTime()));
    await app.sql(
      `INSERT INTO audit_events (id, at, tenant_id, actor_type, actor_id, action, subject_type, subject_id, outcome)
       VALUES ($1, $2, $3, 'user', $4, $5, 'user', $4, 'success')`,
      [all.at(-1), at, tenant, actors[day % 2], day % 2 ? 'user_updated' : 'authz_change'],
    );
  }
  return { owner, tenant, actors, all: all.toReversed() };
}

describe('a part of the trail', () => {
  it('follows another without gap or overlap, in both directions, while new events come', async () => {
    const { owner, all } = await written(25);
    const span = '&until=2026-06-01T00:00:00Z';
    const parts: string[][] = [];
    let has_more = true;
    while (has_more) {
      const last = parts.at(-1)?.at(-1);
      const part = await read(owner, `?limit=10${span}${last ? `&starting_after=${last}` : ''}`);
      parts.push(ids(part));
      ({ has_more } = part);
      await owner.patch(`/users/${owner.user.id}`, { full_name: `Name ${parts.length}` });
    }

    expect(parts.map((part) => part.length)).toEqual([10, 10, 5]);
    expect(parts.flat()).toEqual(all);
    const before = await read(owner, `?limit=10${span}&ending_before=${parts[2]![0]}`);
    expect(before).toMatchObject({ has_more: true });
    expect(ids(before)).toEqual(parts[1]);
    expect(await read(owner, `?limit=10${span}&ending_before=${parts[1]![0]}`)).toMatchObject({ has_more: false });
  });

  it.each<[filter: (actor: string) => string, days: number[]]>([
    [() => 'since=2026-05-03T00:00:00Z&until=2026-05-06T00:00:00Z', [5, 4, 3]],
    [() => 'since=2026-05-03T02:00:00%2B02:00&until=2026-05-03T00:00:00.001Z', [3]],
    [() => 'since=2026-05-03T00:00:00.001Z&until=2026-05-05T00:00:00Z', [4]],
    [() => 'since=2026-05-03T00:00:00Z&until=2026-05-03T00:00:00Z', []],
    [() => 'until=0000-01-01T00:00:00%2B23:59', []],
    [() => 'since=9999-12-31T23:59:59Z', []],
    [() => 'action=user_updated&until=2026-05-09T00:00:00Z', [8, 6, 4, 2]],
    [() => 'action=no_such_action', []],
    [(actor) => `actor_id=${actor}`, [9, 7, 5, 3, 1]],
    [(actor) => `subject_id=${actor.toUpperCase()}&since=2026-05-05T00:00:00Z`, [9, 7, 5]],
    [(actor) => `actor_id=${actor}&action=user_updated`, []],
    [() => `actor_id=${randomUUID()}`, []],
  ])('can be asked for by what it is about: %s', async (filter, days) => {
    const { owner, actors, all } = await written(9);
    const { data } = await read(owner, `?limit=100&${filter(actors[0]!)}`);
    const wanted = days.map((day) => all.at(-day));

    expect(data.map(({ id }) => id).filter((id) => all.includes(id))).toEqual(wanted);
    if (days.length === 0) expect(data).toEqual([]);
  });

  it.each([
    ['since=2026-05-02T00:00:00Z&until=2026-05-01T00:00:00Z', '?until', 'order'],
    ['since=2026-05-01', '?since', 'date_time'],
    ['since=2026-02-30T00:00:00Z', '?since', 'date_time'],
    ['since=', '?since', 'date_time'],
    ['until=yesterday', '?until', 'date_time'],
    ['until=1777593600', '?until', 'date_time'],
    ['since=2026-05-01T00:00:00Z&since=2026-05-01T00:00:00Z', '?since', 'repeated'],
    ['actor_id=me', '?actor_id', 'min_length'],
    ['action=', '?action', 'min_length'],
    ["action=x'--", '?action', 'pattern'],
    ['limit=0', '?limit', 'minimum'],
    ['limit=101', '?limit', 'maximum'],
    ['page=1', '?page', 'unknown_field'],
    ['tenant_id=default', '?tenant_id', 'min_length'],
    [`starting_after=${uuidv7()}&ending_before=${uuidv7()}`, '?ending_before', 'exclusive'],
  ])('is not guessed at: %s (SEC-43)', async (query, pointer, code) => {
    expect((await admin.get(`/audit-events?${query}`)).body).toMatchObject({
      status: 422,
      code: 'validation_failed',
      errors: [{ pointer, code }],
    });
  });
});

it('an event’s time and its id are of one moment, so that both sort alike', async () => {
  await member(app, tenant_id);
  const rows = await app.sql<{ id: string; at: Date }>('SELECT id, at FROM audit_events WHERE tenant_id = $1', [
    tenant_id,
  ]);

  expect(rows.length).toBeGreaterThan(0);
  for (const { id, at } of rows) expect(Number.parseInt(id.slice(0, 13).replace('-', ''), 16)).toBe(at.getTime());
});
