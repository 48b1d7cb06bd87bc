import { randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { insertUsers, member, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  platform = await app.admin();
});

const FORBIDDEN = { status: 403, code: 'forbidden', detail: 'Insufficient permissions' };

describe('PATCH /users/me', () => {
  it('changes what it names and leaves alone what it does not', async () => {
    const ada = await app.signUp({ username: `ada-${randomUUID().slice(0, 8)}` });
    const { status, body } = await ada.patch('/users/me', { full_name: ' Ada King ' });

    expect(status).toBe(200);
    expect(body).toEqual({ ...ada.user, full_name: 'Ada King', updated_at: expect.any(String) });
    expect(body.updated_at > ada.user.updated_at).toBe(true);
    expect((await ada.get('/users/me')).body).toEqual(body);
  });

  it('clears the username with null, which is free then', async () => {
    const [ada, bob] = await Promise.all([app.signUp({ username: 'Cleared' }), app.signUp()]);

    expect((await bob.patch('/users/me', { username: 'cleared' })).body).toMatchObject({
      status: 409,
      code: 'username_taken',
    });
    expect((await ada.patch('/users/me', { username: null })).body.username).toBeNull();
    expect((await bob.patch('/users/me', { username: 'cleared' })).body.username).toBe('cleared');
  });

  it.each([
    ['an empty object', {}],
    ['nothing', undefined],
  ])('does nothing when it is asked for nothing: %s', async (_, body) => {
    const ada = await app.signUp();
    const answer = await ada.patch('/users/me', body);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(ada.user);
  });

  it('does nothing when everything is so already', async () => {
    const ada = await app.signUp();

    expect((await ada.patch('/users/me', { full_name: ada.user.full_name })).body).toEqual(ada.user);
  });
});

describe('PATCH /users/{id} on the own account', () => {
  it('changes name and username', async () => {
    const ada = await app.signUp();
    const { body } = await ada.patch(`/users/${ada.user.id}`, { full_name: 'Ada King', username: 'ada-king' });

    expect(body).toMatchObject({ full_name: 'Ada King', username: 'ada-king' });
  });

  it.each([
    ['user', { email: 'other@example.com' }],
    ['user', { role: 'admin' }],
    ['user', { status: 'disabled' }],
    ['user', { full_name: 'Sneaked in', role: 'platform_admin' }],
    ['admin', { role: 'user' }],
    ['admin', { role: 'platform_admin' }],
    ['admin', { status: 'disabled' }],
    ['platform_admin', { role: 'user' }],
    ['platform_admin', { status: 'disabled' }],
  ] as const)('refuses a %s %j, and changes nothing else either', async (role, changes) => {
    const self = await member(app, await newTenant(app), role);

    expect((await self.patch(`/users/${self.user.id}`, changes)).body).toMatchObject(FORBIDDEN);
    expect((await self.get('/users/me')).body).toEqual(self.user);
  });

  it("changes an admin's own address", async () => {
    const admin = await member(app, await newTenant(app), 'admin');
    const { email } = someAccount();

    expect((await admin.patch(`/users/${admin.user.id}`, { email })).body).toMatchObject({
      email,
      email_verified: false,
    });
  });
});

describe("PATCH /users/{id} on somebody else's account", () => {
  it('is a 404 for whoever may not see it', async () => {
    const tenant_id = await newTenant(app);
    const { user } = await member(app, tenant_id);
    const strangers = [await member(app, tenant_id), await member(app, await newTenant(app), 'admin')];

    for (const stranger of strangers) {
      expect((await stranger.patch(`/users/${user.id}`, { full_name: 'Mallory' })).body).toMatchObject({
        status: 404,
        code: 'user_not_found',
        detail: `User ${user.id} not found`,
      });
    }
    expect((await platform.get(`/users/${user.id}`)).body).toEqual(user);
  });

  it.each([
    [{ full_name: 'Grace Hopper' }],
    [{ username: 'grace_hopper' }],
    [{ email: 'grace@example.com' }],
    [{ role: 'admin' }],
    [{ status: 'disabled' }],
  ])('lets an admin of the tenant change %j', async (changes) => {
    const tenant_id = await newTenant(app);
    const [admin, user] = await Promise.all([member(app, tenant_id, 'admin'), member(app, tenant_id)]);
    const { status, body } = await admin.patch(`/users/${user.user.id}`, changes);

    expect(status).toBe(200);
    expect(body).toEqual({ ...user.user, ...changes, updated_at: expect.any(String) });
  });

  it('lets only a platform admin grant platform_admin', async () => {
    const tenant_id = await newTenant(app);
    const [admin, user] = await Promise.all([member(app, tenant_id, 'admin'), member(app, tenant_id)]);
    const path = `/users/${user.user.id}`;

    expect((await admin.patch(path, { role: 'platform_admin' })).body).toMatchObject(FORBIDDEN);
    expect((await platform.patch(path, { role: 'platform_admin' })).body.role).toBe('platform_admin');
  });

  it.each([
    ['PATCH', { full_name: 'Mallory' }],
    ['PATCH', { role: 'user' }],
    ['PATCH', { status: 'disabled' }],
    ['PATCH', { email: 'mallory@example.com' }],
    ['PATCH', {}],
    ['DELETE', undefined],
  ])('lets no admin touch a platform admin: %s %j', async (method, body) => {
    const tenant_id = await newTenant(app);
    const [admin, chief] = [await member(app, tenant_id, 'admin'), await member(app, tenant_id, 'platform_admin')];

    expect((await admin.request(method, `/users/${chief.user.id}`, { body })).body).toMatchObject(FORBIDDEN);
    expect((await chief.get('/users/me')).body).toEqual(chief.user);
  });

  it('refuses an address or a username that somebody has, and changes nothing else either', async () => {
    const [ada, bob] = await Promise.all([app.signUp({ username: 'occupied' }), app.signUp()]);
    const refused = async (changes: object): Promise<string> =>
      (await platform.patch(`/users/${bob.user.id}`, { full_name: 'Robert', ...changes })).body.code;

    expect(await refused({ email: ada.email.toUpperCase() })).toBe('email_taken');
    expect(await refused({ username: 'OCCUPIED' })).toBe('username_taken');
    expect((await bob.get('/users/me')).body).toEqual(bob.user);
  });
});

describe('a changed address', () => {
  it('is unverified, ends the sessions, and is told to the old and the new one', async () => {
    const ada = await app.signUp();
    await app.users.change({ id: ada.user.id }, { email_verified: true });
    const other = await ada.again();
    const { email } = someAccount();
    const { body } = await platform.patch(`/users/${ada.user.id}`, { email: email.toUpperCase() });

    expect(body).toMatchObject({ email, email_verified: false });
    for (const session of [ada, other]) expect((await session.get('/users/me')).body.code).toBe('invalid_token');
    for (const address of [ada.email, email]) await app.mail(address, 'Your e-mail address was changed');
    await expect(app.logIn({ ...ada, email })).resolves.toBeDefined();
    await expect(app.logIn(ada)).rejects.toThrow('invalid_credentials');
  });

  it('that is the old one in other letters changes nothing', async () => {
    const ada = await app.signUp();
    const { body } = await platform.patch(`/users/${ada.user.id}`, { email: ada.email.toUpperCase() });

    expect(body).toEqual(ada.user);
    expect((await ada.get('/users/me')).status).toBe(200);
  });

  it('frees the old one', async () => {
    const ada = await app.signUp();
    await platform.patch(`/users/${ada.user.id}`, { email: someAccount().email });

    await expect(app.signUp({ email: ada.email })).resolves.toBeDefined();
  });
});

describe('the last one in charge', () => {
  it.each([
    ['demoted', 'PATCH', { role: 'user' }],
    ['disabled', 'PATCH', { status: 'disabled' }],
    ['deleted', 'DELETE', undefined],
  ])('of a tenant is not %s', async (_, method, body) => {
    const tenant_id = await newTenant(app);
    const [admin] = [await member(app, tenant_id, 'admin')];
    await insertUsers(app, [{ tenant_id, role: 'admin', status: 'disabled' }, { tenant_id }]);
    const path = `/users/${admin.user.id}`;

    expect((await platform.request(method, path, { body })).body).toMatchObject({ status: 409, code: 'last_admin' });
    expect((await admin.get('/users/me')).body).toEqual(admin.user);

    await insertUsers(app, [{ tenant_id, role: 'admin' }]);
    expect((await platform.request(method, path, { body })).status).toBeLessThan(300);
  });

  it('of the installation is neither demoted to admin nor gone by itself', async () => {
    const chiefs = await app.users.find({ role: 'platform_admin' });
    const others = chiefs.filter(({ email }) => email !== platform.email).map(({ id }) => id);
    await app.users.change({ id: others }, { status: 'disabled' });
    await insertUsers(app, [{ tenant_id: DEFAULT_TENANT_ID, role: 'admin' }]);

    expect((await platform.delete('/users/me')).body).toMatchObject({ status: 409, code: 'last_admin' });
    expect((await platform.get('/users/me')).body.role).toBe('platform_admin');
    await app.users.change({ id: others }, { status: 'active' });
  });
});
