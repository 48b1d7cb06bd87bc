import { randomUUID } from 'node:crypto';
import { member, newTenant, rowsHolding } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { describeWithRedis } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { exported } from '../support/exports.js';
import { MailServer } from '../support/mail-server.js';
import { keptBy } from '../support/personal-data.js';
import { redisContents } from '../support/redis-contents.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  // On a machine that is busy the cache is late, and is told nevertheless before anybody is answered.
  app = await startApp({ timings: { cache_wait_ms: 15_000 } });
  platform = await app.admin();
});

describe('DELETE /users/{id}', () => {
  it('removes the account: the token, the login and the id are worth nothing afterwards', async () => {
    const ada = await app.signUp();
    const answer = await platform.delete(`/users/${ada.user.id}`);

    expect(answer).toMatchObject({ status: 204, text: '' });
    expect((await ada.get('/users/me')).body.code).toBe('invalid_token');
    await expect(app.logIn(ada)).rejects.toThrow('invalid_credentials');
    expect((await platform.get(`/users/${ada.user.id}`)).body.code).toBe('user_not_found');
    expect((await platform.delete(`/users/${ada.user.id}`)).body.code).toBe('user_not_found');
  });

  it('leaves no trace of the person in any table, in Redis or in the log, but ids in the audit trail', async () => {
    const name = `Canary ${randomUUID()}`;
    const email = `canary-${randomUUID()}@example.com`;
    const username = `canary_${randomUUID().slice(0, 8)}`;
    const user_agent = `agent ${randomUUID()}`;
    const { password } = await app.signUp({ email, full_name: name, username });
    await app.mail(email, 'Welcome!');
    await app.request('POST', '/auth/login', { body: { email, password: 'wrong password' } });
    const headers = { 'user-agent': user_agent };
    const { access_token } = succeed(await app.request('POST', '/auth/login', { body: { email, password }, headers }));
    const { user } = await app.logIn({ email, password });
    succeed(await platform.patch(`/users/${user.id}`, { email: `new-${email}` }));
    const ada = await app.logIn({ email: `new-${email}`, password });
    succeed(await ada.patch('/users/me', { full_name: `${name} King` }));
    const token = await exported(app, ada);
    const texts = [email, name, username, user_agent, token, access_token];
    expect(await rowsHolding(app, texts)).not.toEqual([]);

    succeed(await platform.delete(`/users/${ada.user.id}`));

    expect(await rowsHolding(app, texts)).toEqual([]);
    const left = await rowsHolding(app, [ada.user.id]);
    expect(left).not.toEqual([]);
    // A row of the outbox that was delivered says no more than that; a feature that keeps rows says why.
    const ids = ['audit_events', 'outbox', ...keptBy(app)];
    expect(left.map((row) => row.split(':')[0]!).filter((table) => !ids.includes(table))).toEqual([]);
    const sealed = await app.sql('SELECT 1 FROM outbox WHERE subject_id = $1 AND payload IS NOT NULL', [ada.user.id]);
    expect(sealed).toEqual([]);
    const elsewhere = [...(await redisContents(app)), ...app.logs];
    expect(elsewhere.filter((line) => texts.some((text) => line.includes(text)))).toEqual([]);
    expect((await redisContents(app)).filter((entry) => entry.includes(ada.user.id))).toEqual([]);
  });

  it('forgets failed logins, and where the person signed in', async () => {
    const own = await startApp({ database: 'own' });
    const [ada, admin] = [await own.signUp(), await own.admin()];
    await own.sql('DELETE FROM known_addresses WHERE seen_at < (SELECT max(seen_at) FROM known_addresses)');
    const counted = () => own.sql('SELECT account FROM login_counters UNION ALL SELECT account FROM known_addresses');
    const before = await counted();
    await own.request('POST', '/auth/login', { body: { email: ada.email, password: 'wrong password' } });
    await ada.again();
    await own.request('POST', '/auth/login', { body: { email: ada.email, password: 'wrong password' } });
    expect((await counted()).length).toBeGreaterThan(before.length);

    succeed(await admin.delete(`/users/${ada.user.id}`));

    expect(await counted()).toEqual(before);
    await own.close();
  });

  it('forgets where the person signed in by an earlier address', async () => {
    const own = await startApp({ database: 'own' });
    const admin = await own.admin();
    const counted = () => own.sql('SELECT account FROM login_counters UNION ALL SELECT account FROM known_addresses');
    const before = await counted();
    const ada = await own.signUp();
    await own.request('POST', '/auth/login', { body: { email: ada.email, password: 'wrong password' } });
    expect((await counted()).length).toBeGreaterThan(before.length);

    succeed(await admin.patch(`/users/${ada.user.id}`, { email: `new-${ada.email}` }));
    expect(await counted()).toEqual(before);
    succeed(await admin.delete(`/users/${ada.user.id}`));

    expect(await counted()).toEqual(before);
    await own.close();
  });

  it('frees address and username', async () => {
    const ada = await app.signUp({ username: 'Phoenix' });
    await platform.delete(`/users/${ada.user.id}`);
    const { user } = await app.signUp({ email: ada.email, username: 'phoenix' });

    expect(user.id).not.toBe(ada.user.id);
  });

  it('is for admins, whatever the id (role before existence)', async () => {
    const ada = await app.signUp();

    for (const id of [ada.user.id, randomUUID(), 'nonexistent']) {
      expect((await ada.delete(`/users/${id}`)).body).toMatchObject({ status: 403, code: 'forbidden' });
    }
  });

  it('is not for the own account', async () => {
    const admin = await member(app, await newTenant(app), 'admin');

    expect((await admin.delete(`/users/${admin.user.id}`)).body).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await admin.get('/users/me')).status).toBe(200);
  });

  it('reaches the own tenant only', async () => {
    const admin = await member(app, await newTenant(app), 'admin');
    const { user } = await member(app, await newTenant(app));

    expect((await admin.delete(`/users/${user.id}`)).body).toMatchObject({ status: 404, code: 'user_not_found' });
    expect((await platform.delete(`/users/${user.id}`)).status).toBe(204);
  });
});

describe('DELETE /users/me', () => {
  const loggedIn = (user: Client, minutesAgo: number) =>
    app.sql(`UPDATE sessions SET auth_time = now() - make_interval(mins => $2) WHERE user_id = $1`, [
      user.user.id,
      minutesAgo,
    ]);

  it('removes the own account after a recent login', async () => {
    const ada = await app.signUp();
    await loggedIn(ada, 14);

    expect((await ada.delete('/users/me')).status).toBe(204);
    expect((await ada.get('/users/me')).body.code).toBe('invalid_token');
  });

  it('wants a recent login: 16 minutes ago is too long (SEC-16)', async () => {
    const ada = await app.signUp();
    await loggedIn(ada, 16);
    const { status, headers, body } = await ada.delete('/users/me');

    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(body.code).toBe('reauth_required');
    expect((await ada.get('/users/me')).status).toBe(200);

    expect((await (await ada.again()).delete('/users/me')).status).toBe(204);
  });

  it('leaves nobody without an admin', async () => {
    const admin = await member(app, await newTenant(app), 'admin');

    expect((await admin.delete('/users/me')).body).toMatchObject({ status: 409, code: 'last_admin' });
  });

  it('cancels what has not been mailed yet', async () => {
    const unheard = await startApp({ database: 'own', settings: { SMTP_URL: 'smtp://127.0.0.1:9' } });
    const ada = await unheard.signUp();
    const waiting = () =>
      unheard.sql('SELECT 1 FROM outbox WHERE subject_id = $1 AND payload IS NOT NULL', [ada.user.id]);
    expect(await waiting()).toHaveLength(1);

    await ada.delete('/users/me');

    expect(await waiting()).toEqual([]);
  });
});

describeWithRedis('a mail that is being delivered', () => {
  it('is a job that names nobody, and leaves nothing behind when the account is deleted meanwhile', async () => {
    const mails = await MailServer.start();
    let reply = (): void => undefined;
    const held = new Promise<void>((resolve) => (reply = resolve));
    mails.beforeReply = () => held;
    const timings = { outbox_lease_ms: 60_000, smtp_timeout_ms: 40_000 };
    const slow = await startApp({ database: 'own', timings, settings: { SMTP_URL: mails.url } });
    const full_name = `Canary ${randomUUID()}`;
    const ada = await slow.signUp({ full_name });
    await eventually(() => mails.heard === 1);
    const jobs = (await redisContents(slow)).filter((entry) => /^\{bull\}:mail:[0-9a-f-]{36}:\d+: /.test(entry));
    expect(jobs).toHaveLength(1);
    for (const text of [ada.email, full_name, ada.user.id]) expect(jobs.join()).not.toContain(text);

    succeed(await ada.delete('/users/me'));
    reply();
    await eventually(async () => (await redisContents(slow)).every((entry) => !jobs.includes(entry)));

    expect(await rowsHolding(slow, [ada.email, full_name])).toEqual([]);
    expect(await slow.sql('SELECT status, payload, key_id, lease_until FROM outbox')).toEqual([
      { status: 'sent', payload: null, key_id: null, lease_until: null },
    ]);
    const everywhere = [...(await redisContents(slow)), ...slow.logs];
    expect(everywhere.filter((line) => line.includes(ada.email) || line.includes(full_name))).toEqual([]);
    await slow.close();
  });
});
