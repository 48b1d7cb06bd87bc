import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { describeWithRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { redisContents } from '../support/redis-contents.js';
import { startProcess } from '../support/process.js';
import { describeReplicas } from '../support/replicas.js';
import { times } from '../support/visitors.js';

/** On a machine that is busy the cache is late, which is no reason to do without. */
const PATIENT = { cache_wait_ms: 15_000, probe_ms: 15_000 };

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ timings: PATIENT });
});

const nameOf = async (asking: Client, path = '/users/me', on = app): Promise<string> =>
  succeed(await on.request('GET', path, { token: asking.token })).full_name;

/** Behind the back of whoever keeps copies. */
const rename = (user_id: string, full_name: string): Promise<unknown> =>
  app.users.change({ id: user_id }, { full_name });

/** Every copy of this user's profile, as `key: value`. */
const copiesOf = async (user_id: string): Promise<string[]> =>
  (await redisContents(app)).filter((entry) => entry.includes(user_id));

describeWithRedis('a profile', () => {
  it('is a copy of five minutes at most, for its owner and for admins, and each that is shown is alike', async () => {
    const tenant_id = await newTenant(app);
    const [ada, admin] = [await member(app, tenant_id), await member(app, tenant_id, 'admin')];
    const first = succeed(await ada.get('/users/me'));
    await rename(ada.user.id, 'Renamed behind its back');

    expect(succeed(await ada.get('/users/me'))).toEqual(first);
    expect(succeed(await ada.get(`/users/${ada.user.id}`))).toEqual(first);
    expect(succeed(await admin.get(`/users/${ada.user.id}`))).toEqual(first);
    expect(await nameOf(await app.admin(), `/users/${ada.user.id}`)).toBe('Renamed behind its back');
  });

  it('lies under `user:{id}` below the prefix of its tenant, where nobody can read it', async () => {
    const ada = await app.signUp({ full_name: 'Ada Unreadable' });
    await ada.get('/users/me');
    const [copy = '', ...others] = await copiesOf(ada.user.id);

    expect(others).toEqual([]);
    expect(copy.startsWith(`t:${ada.user.tenant_id}:user:${ada.user.id}: `)).toBe(true);
    expect(copy).not.toMatch(/Unreadable|@example/);
  });

  it('is forgotten with whatever changes the account, and with the account', async () => {
    const tenant_id = await newTenant(app);
    const [ada, admin] = [await member(app, tenant_id), await member(app, tenant_id, 'admin')];
    const changes: [by: Client, change: object][] = [
      [ada, { full_name: 'Ada King' }],
      [ada, { username: `ada_${ada.user.id.slice(-12)}` }],
      [admin, { email: `new-${ada.email}` }],
      [admin, { role: 'admin' }],
      [admin, { role: 'user' }],
    ];
    for (const [by, change] of changes) {
      await admin.get(`/users/${ada.user.id}`);
      expect(await copiesOf(ada.user.id)).toHaveLength(1);
      succeed(await by.patch(`/users/${ada.user.id}`, change));
      expect(await copiesOf(ada.user.id)).toEqual([]);
      expect(succeed(await admin.get(`/users/${ada.user.id}`))).toMatchObject(change);
    }
    succeed(await admin.delete(`/users/${ada.user.id}`));

    expect(await copiesOf(ada.user.id)).toEqual([]);
    expect((await admin.get(`/users/${ada.user.id}`)).status).toBe(404);
  });

  it('of somebody who was erased is gone with the commit, though the process that did it dies right after', async () => {
    const tenant_id = await newTenant(app);
    const [ada, admin] = [await member(app, tenant_id), await member(app, tenant_id, 'admin')];
    const doomed = await startProcess({ die_at: 'profile.changed', timings: PATIENT });
    await admin.get(`/users/${ada.user.id}`);
    expect(await copiesOf(ada.user.id)).toHaveLength(1);
    await expect(doomed.send('DELETE', `/users/${ada.user.id}`, { token: admin.token })).rejects.toThrow();
    expect((await doomed.exit).signal).toBe('SIGKILL');

    expect((await admin.get(`/users/${ada.user.id}`)).status).toBe(404);
    expect((await copiesOf(ada.user.id)).filter((copy) => !copy.includes('lease:'))).toEqual([]);
  });

  it('is not put back by who read it before the account was deleted', async () => {
    const tenant_id = await newTenant(app);
    const [ada, admin] = [await member(app, tenant_id), await member(app, tenant_id, 'admin')];
    let reading = true;
    const readers = times(8, async () => {
      while (reading) await admin.get(`/users/${ada.user.id}`);
    });
    succeed(await admin.delete(`/users/${ada.user.id}`));
    const copies = await times(20, () => copiesOf(ada.user.id));
    reading = false;
    await readers;

    // A lease may be there, of a reader who finds nobody.
    expect(copies.flat().filter((copy) => !copy.includes('lease:'))).toEqual([]);
  });

  it('decides nothing: a copy that says admin opens no door, and one that says active lets nobody in', async () => {
    const tenant_id = await newTenant(app);
    const ada = await member(app, tenant_id, 'admin');
    expect((await ada.get('/users/me')).body.role).toBe('admin');
    await app.sql(`UPDATE sessions SET role = 'user' WHERE user_id = $1`, [ada.user.id]);

    expect((await ada.get('/users')).status).toBe(403);
    await app.users.change({ id: ada.user.id }, { status: 'disabled' });
    expect((await ada.get('/users/me')).body.status).toBe('active');
    await expect(app.logIn(ada)).rejects.toThrow('invalid_credentials');
  });
});

describe('without Redis', () => {
  it('is a copy of a few seconds, and forgotten at once by the process that changes the account', async () => {
    const alone = await startApp({ redis: 'none', timings: { ...PATIENT, cache_alone_ms: 300 } });
    const ada = await alone.signUp();
    await ada.get('/users/me');
    succeed(await ada.patch('/users/me', { full_name: 'Ada King' }));
    expect(await nameOf(ada, '/users/me', alone)).toBe('Ada King');

    await rename(ada.user.id, 'Renamed elsewhere');
    await eventually(async () => (await nameOf(ada, '/users/me', alone)) === 'Renamed elsewhere');
    await alone.close();
  });
});

describeReplicas((start) => {
  it('shows every change to whoever asks after it was answered, on whichever replica, among many readers', async () => {
    const [here, there] = await start();
    const ada = await here.signUp();
    let reading = true;
    const statuses = new Set<number>();
    const readers = times(6, async (index) => {
      const on = index % 2 ? here : there;
      while (reading) statuses.add((await on.request('GET', '/users/me', { token: ada.token })).status);
    });
    for (let round = 0; round < 30; round++) {
      const [by, from] = round % 2 ? [here, there] : [there, here];
      const full_name = `Ada the ${round}th`;
      succeed(await by.request('PATCH', '/users/me', { token: ada.token, body: { full_name } }));
      expect(await nameOf(ada, '/users/me', from)).toBe(full_name);
    }
    reading = false;
    await readers;

    expect(statuses).toEqual(new Set([200]));
  });
});
