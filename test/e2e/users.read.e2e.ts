import { randomUUID } from 'node:crypto';
import { member, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

/** Without what tells one request from another. */
const alike = ({ status, body }: Answer, id: string) => ({
  status,
  ...body,
  request_id: '',
  instance: body.instance.replace(id, ':id'),
  detail: body.detail.replace(id, ':id'),
});

describe('GET /users/me', () => {
  it('is whoever the token names', async () => {
    const [ada, bob] = await Promise.all([app.signUp(), app.signUp()]);

    expect((await ada.get('/users/me')).body).toEqual(ada.user);
    expect((await bob.get('/users/me')).body.id).toBe(bob.user.id);
    expect((await app.request('GET', '/users/me')).body).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  it('is not cached by anybody on the way', async () => {
    expect((await (await app.signUp()).get('/users/me')).headers.get('cache-control')).toBe('no-store');
  });
});

describe('GET /users/{id}', () => {
  it('shows the own account, in whatever case the id is written', async () => {
    const { user, ...ada } = await app.signUp();

    expect((await app.request('GET', `/users/${user.id}`, { token: ada.token })).body).toEqual(user);
    expect((await app.request('GET', `/users/${user.id.toUpperCase()}`, { token: ada.token })).body).toEqual(user);
    expect((await app.request('GET', `/users/${user.id}/`, { token: ada.token })).body).toEqual(user);
  });

  it('shows an admin the users of the own tenant', async () => {
    const tenant_id = await newTenant(app);
    const [admin, user] = await Promise.all([member(app, tenant_id, 'admin'), member(app, tenant_id)]);

    expect((await admin.get(`/users/${user.user.id}`)).body).toEqual(user.user);
  });

  it('shows a platform admin those of every tenant', async () => {
    const { user } = await member(app, await newTenant(app));

    expect((await (await app.admin()).get(`/users/${user.id}`)).body).toEqual(user);
  });

  it('tells nobody else that the user exists: the same 404 as for one that never was', async () => {
    const [tenant, other] = await Promise.all([newTenant(app), newTenant(app)]);
    const { user: hidden } = await member(app, tenant);
    const absent = randomUUID();
    const callers = [await member(app, tenant), await member(app, other), await member(app, other, 'admin')];

    for (const caller of callers) {
      const answers = await Promise.all([hidden.id, absent].map((id) => caller.get(`/users/${id}`)));
      expect(answers[0]!.body).toMatchObject({
        status: 404,
        code: 'user_not_found',
        detail: `User ${hidden.id} not found`,
      });
      expect(alike(answers[0]!, hidden.id)).toEqual(alike(answers[1]!, absent));
    }
  });

  it.each(['nonexistent', '1', '0', 'undefined', 'me2', `${randomUUID()}x`, '%00', '%F0%9F%98%80', 'x'.repeat(500)])(
    'answers the id %s, which cannot be one, in the same way',
    async (id) => {
      const { status, headers, body } = await (await app.signUp()).get(`/users/${id}`);

      expect(status).toBe(404);
      expect(headers.get('content-type')).toContain('application/problem+json');
      expect(body).toMatchObject({
        type: 'urn:omni:problem:user_not_found',
        code: 'user_not_found',
        detail: `User ${decodeURIComponent(id)} not found`,
      });
    },
  );

  it.each(['GET', 'PATCH', 'DELETE'])('wants to know first who asks: %s', async (method) => {
    for (const id of [randomUUID(), 'nonexistent']) {
      expect((await app.request(method, `/users/${id}`)).body).toMatchObject({ status: 401, code: 'unauthenticated' });
    }
  });

  it('takes no query', async () => {
    const ada = await app.signUp();

    expect((await ada.get(`/users/${ada.user.id}?fields=email`)).body).toMatchObject({
      status: 422,
      errors: [{ pointer: '?fields', code: 'unknown_field' }],
    });
  });
});
