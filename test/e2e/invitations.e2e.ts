import { createHash, randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { accept, insertUsers, invite, member, newTenant, rowsHolding } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { Client, succeed, type Answer } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { ADMIN } from '../support/stage.js';

let app: TestApp;
let platform: Client;
let tenant_id: string;
let admin: Client;
beforeAll(async () => {
  app = await startApp();
  platform = await Client.logIn(conforming(app.send), ADMIN);
  tenant_id = await newTenant(app);
  admin = await member(app, tenant_id, 'admin');
});

const { password } = someAccount();
const TOKEN_INVALID = { status: 422, code: 'token_invalid' };

describe('a new tenant', () => {
  it('gets its first admin by an invitation, who invites the next ones', async () => {
    const tenant = succeed(await platform.post('/tenants', { name: `Engines ${randomUUID()}` }));
    const first = await invite(app, platform, { tenant_id: tenant.id, role: 'admin' });
    const { status, headers, body } = await accept(app, first.token, {
      full_name: ' Ada Lovelace ',
      username: 'first_ada',
    });

    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/users/${body.id}`);
    expect(body).toMatchObject({
      email: first.email,
      username: 'first_ada',
      full_name: 'Ada Lovelace',
      role: 'admin',
      status: 'active',
      email_verified: true,
      tenant_id: tenant.id,
    });

    const ada = await app.logIn({ email: first.email, password });
    const second = await invite(app, ada);
    const { body: bob } = await accept(app, second.token);
    expect(bob).toMatchObject({ role: 'user', tenant_id: tenant.id, email_verified: true });
    const users = await ada.get('/users');
    expect(users.body.data.map(({ id }: { id: string }) => id)).toEqual([bob.id, body.id]);
  });
});

describe('POST /invitations', () => {
  it('says what was sent, and mails a link that stands in no table', async () => {
    const { email } = someAccount();
    const { status, body } = await admin.post('/invitations', { email: email.toUpperCase(), role: 'admin' });
    const { text, html } = await app.mail(email, 'You are invited');
    const [, token = ''] = /\/account\/invitation#token=([\w-]{43})\s/.exec(text ?? '') ?? [];

    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(String),
      email,
      role: 'admin',
      status: 'pending',
      expires_at: expect.any(String),
      created_at: expect.any(String),
    });
    expect(Date.parse(body.expires_at) - Date.parse(body.created_at)).toBe(7 * 24 * 60 * 60 * 1_000);
    expect(text).toContain(`${app.settings.ACCOUNT_URL}/invitation#token=${token}`);
    expect(html).toContain(token);
    const [{ token_hash }] = await app.sql('SELECT token_hash FROM invitations WHERE id = $1', [body.id]);
    expect(token_hash).toEqual(createHash('sha256').update(token).digest());
    expect(await rowsHolding(app, [token])).toEqual([]);
  });

  it('lets an admin invite into the own tenant alone', async () => {
    const other = await newTenant(app);
    const { email } = someAccount();

    for (const named of [other, randomUUID(), DEFAULT_TENANT_ID]) {
      expect((await admin.post('/invitations', { email, tenant_id: named })).body).toMatchObject({
        status: 404,
        code: 'tenant_not_found',
      });
    }
    expect((await admin.post('/invitations', { email, tenant_id: tenant_id.toUpperCase() })).status).toBe(201);
    expect((await platform.post('/invitations', { email, tenant_id: other })).status).toBe(201);
    expect((await platform.post('/invitations', { email, tenant_id: randomUUID() })).body.code).toBe(
      'tenant_not_found',
    );
  });

  it('lets only a platform admin make a platform admin', async () => {
    const role = 'platform_admin';

    expect((await admin.post('/invitations', { ...someAddress(), role })).body).toMatchObject({
      status: 403,
      code: 'forbidden',
    });
    const { token } = await invite(app, platform, { role, tenant_id });
    expect((await accept(app, token)).body).toMatchObject({ role, tenant_id });
  });

  it('is for admins', async () => {
    const user = await member(app, tenant_id);

    expect((await user.post('/invitations', someAddress())).body.code).toBe('forbidden');
    expect((await user.get('/invitations')).body.code).toBe('forbidden');
    expect((await user.delete(`/invitations/${randomUUID()}`)).body.code).toBe('forbidden');
    expect((await app.request('POST', '/invitations', { body: someAddress() })).body.code).toBe('unauthenticated');
  });

  it('refuses an address that somebody has, in whichever tenant', async () => {
    const [stranger] = await insertUsers(app, [{ tenant_id: await newTenant(app) }]);

    expect((await admin.post('/invitations', { email: stranger!.email.toUpperCase() })).body).toMatchObject({
      status: 409,
      code: 'email_taken',
    });
  });

  it('makes the earlier one to the same address void, but not that of another tenant', async () => {
    const first = await invite(app, admin);
    const elsewhere = await invite(app, platform, { email: first.email, tenant_id: DEFAULT_TENANT_ID });
    const [second] = await Promise.all(
      Array.from({ length: 5 }, () => admin.post('/invitations', { email: first.email })),
    );
    const { body } = await admin.get('/invitations?per_page=100');
    const statuses = body.data
      .filter(({ email }: { email: string }) => email === first.email)
      .map(({ status }: { status: string }) => status);

    expect(second!.status).toBe(201);
    expect(statuses.toSorted()).toEqual(['pending', 'revoked', 'revoked', 'revoked', 'revoked', 'revoked']);
    expect((await accept(app, first.token)).body).toMatchObject(TOKEN_INVALID);
    expect((await accept(app, elsewhere.token)).body.tenant_id).toBe(DEFAULT_TENANT_ID);
  });

  it.each([
    [{ email: 'nobody' }, '#/email'],
    [{ email: 'a@example.com', role: 'root' }, '#/role'],
    [{ email: 'a@example.com', tenant_id: 'default' }, '#/tenant_id'],
    [{ email: 'a@example.com', status: 'accepted' }, '#/status'],
    [{}, '#/email'],
  ])('refuses %j', async (body, pointer) => {
    const answer = await admin.post('/invitations', body);

    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([{ pointer }]);
  });
});

const someAddress = () => ({ email: someAccount().email });

describe('GET /invitations', () => {
  const emails = ({ body }: Answer): string[] => body.data.map(({ email }: { email: string }) => email);

  it('shows those of the own tenant, the newest first, by status', async () => {
    const own = await newTenant(app);
    const chief = await member(app, own, 'admin');
    const made = { pending: '', revoked: '', accepted: '', expired: '' };
    for (const status of Object.keys(made) as (keyof typeof made)[]) {
      const { id, email, token } = await invite(app, chief);
      made[status] = email;
      if (status === 'revoked') await chief.delete(`/invitations/${id}`);
      if (status === 'accepted') await accept(app, token);
      if (status === 'expired') await expire(id);
    }
    const { body } = await chief.get('/invitations');

    expect(body).toMatchObject({ page: 1, per_page: 20, total: 4, total_exact: true });
    expect(body.data.map(({ status }: { status: string }) => status)).toEqual(Object.keys(made).toReversed());
    for (const [status, email] of Object.entries(made)) {
      expect(emails(await chief.get(`/invitations?status=${status}`))).toEqual([email]);
    }
    expect(emails(await chief.get('/invitations?per_page=1&page=2'))).toEqual([made.accepted]);
  });

  it('shows a platform admin the tenant that is named, and an admin nothing of another', async () => {
    const { email } = await invite(app, admin);

    expect(emails(await platform.get(`/invitations?tenant_id=${tenant_id}&per_page=100`))).toContain(email);
    expect(emails(await platform.get('/invitations?per_page=100'))).not.toContain(email);
    expect((await admin.get(`/invitations?tenant_id=${DEFAULT_TENANT_ID}`)).body).toMatchObject({ data: [], total: 0 });
    expect((await admin.get('/invitations?status=open')).status).toBe(422);
  });
});

const expire = (id: string) =>
  app.sql(`UPDATE invitations SET expires_at = created_at + interval '1 millisecond' WHERE id = $1`, [id]);

describe('DELETE /invitations/{id}', () => {
  it('takes back what is pending, once', async () => {
    const { id, token } = await invite(app, admin);

    expect(await admin.delete(`/invitations/${id}`)).toMatchObject({ status: 204, text: '' });
    expect((await accept(app, token)).body).toMatchObject(TOKEN_INVALID);
    expect((await admin.delete(`/invitations/${id}`)).body).toMatchObject({
      status: 404,
      code: 'invitation_not_found',
      detail: `Invitation ${id} not found`,
    });
  });

  it('is a 404 for what is accepted or expired, unknown, malformed, or of another tenant (SEC-41)', async () => {
    const [accepted, expired] = [await invite(app, admin), await invite(app, admin)];
    await accept(app, accepted.token);
    await expire(expired.id);
    const foreign = await invite(app, platform);

    for (const id of [accepted.id, expired.id, foreign.id, randomUUID(), 'nonexistent']) {
      expect((await admin.delete(`/invitations/${id}`)).body).toMatchObject({
        status: 404,
        code: 'invitation_not_found',
      });
    }
    expect((await platform.delete(`/invitations/${foreign.id}`)).status).toBe(204);
  });

  it("of a platform admin's invitation to rule the platform is not an admin's, nor is to supersede it", async () => {
    const { id, email, token } = await invite(app, platform, { role: 'platform_admin', tenant_id });

    expect((await admin.delete(`/invitations/${id}`)).body.code).toBe('forbidden');
    expect((await admin.post('/invitations', { email })).body.code).toBe('forbidden');
    expect((await accept(app, token)).status).toBe(201);
  });

  it("of a platform admin's invitation to rule the platform that has expired bars nobody: an admin invites the address anew", async () => {
    const { id, email } = await invite(app, platform, { role: 'platform_admin', tenant_id });
    await expire(id);
    const anew = succeed(await admin.post('/invitations', { email }));

    expect(anew).toMatchObject({ email, role: 'user', status: 'pending' });
    const events = await app.sql('SELECT action FROM audit_events WHERE subject_id = $1', [id]);
    expect(events).toEqual([{ action: 'invitation_created' }]);
  });

  it('keeps a mail that has not left yet', async () => {
    const unheard = await startApp({ database: 'own', settings: { SMTP_URL: 'smtp://127.0.0.1:9' } });
    const chief = await unheard.admin();
    const { id } = succeed(await chief.post('/invitations', someAddress()));
    const waiting = () => unheard.sql('SELECT 1 FROM outbox WHERE subject_id = $1 AND payload IS NOT NULL', [id]);
    expect(await waiting()).toHaveLength(1);

    await chief.delete(`/invitations/${id}`);

    expect(await waiting()).toEqual([]);
    await unheard.close();
  });
});
