import createClient, { type Client } from 'openapi-fetch';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { paths } from '../generated/openapi.js';
import { ADMIN } from '../support/stage.js';

/** As somebody writes it who has nothing of ours but openapi.json; `npm run check` makes the types, and compiles this. */
let app: TestApp;
let client: Client<paths>;
beforeAll(async () => {
  app = await startApp();
  client = createClient<paths>({ baseUrl: app.url });
});

async function logIn(email: string, password: string): Promise<Client<paths>> {
  const { data, error } = await client.POST('/api/v1/auth/login', { body: { email, password } });
  if (error) throw new Error(error.detail);
  if ('mfa_required' in data) throw new Error('There is no second factor here');
  return createClient<paths>({
    baseUrl: app.url,
    headers: { authorization: `${data.token_type} ${data.access_token}` },
  });
}

it('signs up, logs in, and changes the own profile', async () => {
  const body = someAccount();
  const { data: made, response } = await client.POST('/api/v1/users', { body });
  const own = await logIn(body.email, body.password);
  const { data: changed } = await own.PATCH('/api/v1/users/me', { body: { username: null, full_name: 'Ada King' } });
  const { data: read } = await own.GET('/api/v1/users/{id}', { params: { path: { id: made!.id } } });
  const { response: out } = await own.POST('/api/v1/auth/logout');

  expect(response.headers.get('location')).toBe(`/api/v1/users/${made?.id}`);
  expect([changed?.full_name, changed?.role, read?.full_name]).toEqual(['Ada King', 'user', 'Ada King']);
  expect(out.status).toBe(204);
});

it('lists users, a page at a time', async () => {
  const admin = await logIn(ADMIN.email, ADMIN.password);
  const { data: page } = await admin.GET('/api/v1/users', { params: { query: { per_page: 1, sort: '-created_at' } } });

  expect(page?.data.map(({ email }) => typeof email)).toEqual(['string']);
  expect(page?.total_exact).toBe(true);
});

it('knows by the type of an error how an operation can fail', async () => {
  const body = someAccount();
  await client.POST('/api/v1/users', { body });
  const { error: taken } = await client.POST('/api/v1/users', { body });
  const { error: broken } = await client.POST('/api/v1/users', { body: { ...body, email: 'nobody' } });

  expect(taken?.status === 409 && taken.code === 'email_taken').toBe(true);
  expect(broken?.errors?.map(({ pointer }) => pointer)).toEqual(['#/email']);
});

it('would not compile what the document does not know', async () => {
  // @ts-expect-error: a password is required
  const { error } = await client.POST('/api/v1/users', { body: { email: 'ada@example.com', full_name: 'Ada' } });
  // @ts-expect-error: nobody sorts by this
  await client.GET('/api/v1/users', { params: { query: { sort: 'password' } } });
  // @ts-expect-error: a sign-up cannot fail so
  const impossible = error?.code === 'session_not_found';

  expect([error?.status, impossible]).toEqual([422, false]);
});
