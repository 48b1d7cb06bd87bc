import type { User } from '../../src/users/user.entity.js';
import { randomUUID } from 'node:crypto';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { download, exported, exportsOf, tokenIn } from '../support/exports.js';
import { PATIENT } from '../support/visitors.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  platform = await app.admin();
});

const expectRefused = async (token: string): Promise<void> =>
  expect((await download(app, token)).body).toMatchObject({ status: 422, code: 'token_invalid' });

describe('an export', () => {
  it('holds everything that the person gave and that was written about the person (SEC-34)', async () => {
    const ada = await app.signUp({ full_name: `Ada ${randomUUID()}`, username: 'ada_exports' });
    succeed(await ada.patch('/users/me', { full_name: 'Ada "\u2028" King' }, { 'user-agent': 'agent of Ada' }));
    await app.request('POST', '/auth/login', {
      body: { email: ada.email, password: ada.password },
      headers: { 'user-agent': 'other agent' },
    });
    const { status, headers, body } = await download(app, await exported(app, ada));

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    const today = body.exported_at.slice(0, 10);
    expect(headers.get('content-disposition')).toBe(`attachment; filename="export-${today}.json"`);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body.user_id).toBe(ada.user.id);
    const account = (await ada.get('/users/me')).body;
    expect(body.account).toEqual([{ ...account, version: 2 }]);
    const { body: sessions } = await ada.get('/auth/sessions');
    const shown = sessions.data.map(({ id, user_agent, ip }: any) => expect.objectContaining({ id, user_agent, ip }));
    expect(body.sessions).toEqual(expect.arrayContaining(shown));
    expect(body.sessions.map(({ user_agent }: any) => user_agent)).toContain('other agent');
    expect(body.audit_events.map(({ action }: any) => action)).toEqual([
      'user_created',
      'authn_login_success',
      'user_updated',
      'authn_login_success',
      'data_export_requested',
    ]);
    expect(body.exports).toMatchObject([{ status: 'pending' }]);
    expect(body.messages).toEqual(expect.arrayContaining([expect.objectContaining({ kind: 'export' })]));
  });

  it('holds no hash, no token and no key, and has no column that nobody chose (SEC-34)', async () => {
    const ada = await app.signUp();
    const token = await exported(app, ada);
    const { text, body } = await download(app, token);
    const [{ password_hash }] = (await app.users.find({ id: ada.user.id })) as [User];

    expect(text).not.toMatch(/argon2|hash|password|secret|token|sealed|payload|key_id/i);
    for (const secret of [password_hash, token, ada.token, ada.password]) expect(text).not.toContain(secret);
    expect(Object.keys(body).toSorted()).toEqual(
      expect.arrayContaining(['account', 'audit_events', 'exported_at', 'exports', 'messages', 'sessions', 'user_id']),
    );
  });

  it("holds nothing of anybody else, not even an admin's id or address (SEC-32)", async () => {
    const [ada, bob, admin] = await Promise.all([app.signUp(), app.signUp(), app.tenantAdmin()]);
    succeed(await admin.patch(`/users/${ada.user.id}`, { username: `ada_${randomUUID().slice(0, 8)}` }));
    succeed(await admin.patch(`/users/${bob.user.id}`, { full_name: 'Robert' }));
    const [ofAda, ofAdmin] = [
      await download(app, await exported(app, ada)),
      await download(app, await exported(app, admin)),
    ];

    for (const { user, email } of [bob, admin]) {
      expect(ofAda.text).not.toContain(user.id);
      expect(ofAda.text).not.toContain(email);
    }
    const byAdmin = ofAda.body.audit_events.find(({ action }: any) => action === 'user_updated');
    expect(byAdmin).toMatchObject({ actor: { type: 'user', id: null }, subject: { id: ada.user.id }, ip: null });
    const atBob = ofAdmin.body.audit_events.findLast(({ action }: any) => action === 'user_updated');
    expect(atBob).toMatchObject({ actor: { id: admin.user.id }, subject: { id: null }, ip: '127.0.0.0/24' });
    for (const { user } of [ada, bob]) expect(ofAdmin.text).not.toContain(user.id);
  });

  it("tells a platform admin's acts in every tenant", async () => {
    const tenant_id = await newTenant(app);
    const { user } = await member(app, tenant_id);
    succeed(await platform.patch(`/users/${user.id}`, { full_name: 'Somebody' }));
    const { body } = await download(app, await exported(app, platform));

    expect(body.audit_events.filter(({ action }: any) => action === 'user_updated')).not.toEqual([]);
  });

  it('of much to tell is told as a whole, though never more than a piece of it is in memory', async () => {
    const ada = await app.signUp();
    await app.sql(
      `INSERT INTO audit_events (id, tenant_id, actor_type, actor_id, action, subject_type, subject_id, outcome, changes)
       SELECT gen_random_uuid(), $1, 'user', $2, 'user_updated', 'user', $2, 'success', ARRAY['Ünï' || n]
       FROM generate_series(1, 2000) n`,
      [ada.user.tenant_id, ada.user.id],
    );
    const { headers, text, body } = await download(app, await exported(app, ada));

    expect(body.audit_events.length).toBeGreaterThan(2_000);
    expect(new Set(body.audit_events.map(({ id }: any) => id)).size).toBe(body.audit_events.length);
    expect(headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
    const [{ pieces, longest }] = await app.sql(
      `SELECT e.pieces, (SELECT max(octet_length(piece)) FROM export_pieces p WHERE p.export_id = e.id) AS longest
       FROM exports e WHERE user_id = $1`,
      [ada.user.id],
    );
    expect(pieces).toBeGreaterThan(5);
    expect(longest).toBeLessThan(80 * 1_024);
  });
});

describe('POST /users/me/export', () => {
  it('answers 202 and mails a link whose token stands behind the # (SEC-61)', async () => {
    const ada = await app.signUp();
    const asked = await conforming(app.send)('POST', '/users/me/export', { token: ada.token });
    const mail = await app.mail(ada.email, 'Your data is ready');

    expect(asked).toMatchObject({ status: 202, text: '' });
    expect(mail.text).toContain(`${app.settings.ACCOUNT_URL}/export#token=`);
    expect(tokenIn(mail.text)).toMatch(/^[\w-]{43}$/);
  });

  it('does so without Redis too', async () => {
    const alone = await startApp({ database: 'own', redis: 'none' });
    const ada = await alone.signUp();

    expect((await download(alone, await exported(alone, ada))).body.account).toMatchObject([{ email: ada.email }]);
    await alone.close();
  });

  it('wants a recent login: 16 minutes ago is too long (SEC-16)', async () => {
    const ada = await app.signUp();
    await app.sql(`UPDATE sessions SET auth_time = now() - interval '16 minutes' WHERE user_id = $1`, [ada.user.id]);
    const { status, body } = await ada.post('/users/me/export');

    expect([status, body.code]).toEqual([401, 'reauth_required']);
    expect(await exportsOf(app, ada)).toEqual([]);
  });

  it('many times at once is one export, one job and one event, until it is ready', async () => {
    const idle = await startApp({ database: 'own', settings: { PROCESS_ROLE: 'api' } });
    const ada = await idle.signUp();
    const answers = await Promise.all(Array.from({ length: 5 }, () => ada.post('/users/me/export')));

    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(202));
    expect(await exportsOf(idle, ada)).toMatchObject([{ status: 'pending' }]);
    expect(await idle.sql(`SELECT 1 FROM outbox WHERE topic = 'export'`)).toHaveLength(1);
    expect(await idle.sql(`SELECT 1 FROM audit_events WHERE action = 'data_export_requested'`)).toHaveLength(1);
    await idle.close();
  });

  it('is answered anew when whoever was to gather it has given up', async () => {
    const idle = await startApp({ database: 'own', settings: { PROCESS_ROLE: 'api' } });
    const ada = await idle.signUp();
    succeed(await ada.post('/users/me/export'));
    await idle.sql(`UPDATE exports SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day'`);
    succeed(await ada.post('/users/me/export'));

    expect(await exportsOf(idle, ada)).toHaveLength(1);
    expect(await idle.sql(`SELECT 1 FROM outbox WHERE topic = 'export'`)).toHaveLength(2);
    await idle.close();
  });

  it('again replaces what was there: the newest link is the one that works', async () => {
    const ada = await app.signUp();
    const [first, second] = [await exported(app, ada), await exported(app, ada)];

    await expectRefused(first);
    expect((await download(app, second)).status).toBe(200);
    expect(await exportsOf(app, ada)).toHaveLength(1);
  });

  it('is limited for each user (RATE_LIMIT_EXPORT)', async () => {
    const limited = await startApp({ settings: { RATE_LIMIT_EXPORT: '2/1h' }, timings: PATIENT });
    const [ada, bob] = [await limited.signUp(), await limited.signUp()];
    const statuses: number[] = [];
    for (const user of [ada, ada, ada, bob]) statuses.push((await user.post('/users/me/export')).status);

    expect(statuses).toEqual([202, 202, 429, 202]);
    await limited.close();
  });
});

describe('POST /exports/download', () => {
  it.each(['', 'x', 'x'.repeat(43), 'pZ3vBq8sWm1xK0dTn6yRf4hLc9uJg2aEi7oQkVtXbNw', '💥', '../..'])(
    'refuses what is no token: %j',
    expectRefused,
  );

  it('works five times, since a download may break off, and no more', async () => {
    const ada = await app.signUp();
    const token = await exported(app, ada);
    const answers = await Promise.all(Array.from({ length: 8 }, () => download(app, token)));

    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 200, 422, 422, 422]);
    expect(new Set(answers.filter(({ status }) => status === 200).map(({ text }) => text)).size).toBe(1);
    const events = await app.sql(
      `SELECT actor_type, subject_id FROM audit_events WHERE subject_id = $1 AND action = 'data_export_downloaded'`,
      [ada.user.id],
    );
    expect(events).toEqual(Array(5).fill({ actor_type: 'anonymous', subject_id: ada.user.id }));
  });

  it('is over after 24 hours, and what was kept goes then', async () => {
    const ada = await app.signUp();
    const token = await exported(app, ada);
    const [{ hours }] = await app.sql(
      'SELECT extract(epoch FROM expires_at - now())::float8 / 3600 AS hours FROM exports WHERE user_id = $1',
      [ada.user.id],
    );
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThanOrEqual(24);
    await app.sql(
      `UPDATE exports SET created_at = created_at - interval '25 hours', expires_at = now() - interval '1 second'
       WHERE user_id = $1`,
      [ada.user.id],
    );

    await expectRefused(token);
  });

  it('keeps nothing readable: the token is a hash, the document is sealed (SEC-62)', async () => {
    const ada = await app.signUp();
    const token = await exported(app, ada);
    const [row] = await app.sql(
      `SELECT e::text AS export, encode(p.piece, 'escape') AS piece, p.key_id FROM exports e
       JOIN export_pieces p ON p.export_id = e.id WHERE e.user_id = $1`,
      [ada.user.id],
    );

    expect(row.key_id).toBe('1');
    for (const secret of [token, Buffer.from(token).toString('hex'), Buffer.from(token, 'base64url').toString('hex')]) {
      expect(row.export).not.toContain(secret);
    }
    expect(row.piece).not.toMatch(/user_id|account|Lovelace/);
    await app.sql(
      `UPDATE export_pieces SET piece = set_byte(piece, 40, get_byte(piece, 40) # 1)
       WHERE export_id = (SELECT id FROM exports WHERE user_id = $1)`,
      [ada.user.id],
    );
    await expect(app.send('POST', '/exports/download', { body: { token } })).resolves.toMatchObject({ status: 500 });
  });
});
