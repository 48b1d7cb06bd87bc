import { insertUsers } from '../support/accounts.js';
import type { TestApp } from '../support/app.js';
import { refreshed } from '../support/tokens.js';
import { FRONT_END, signedInPage, startForPages, WebPage } from '../support/web-page.js';

let app: TestApp;
let secure: TestApp;
beforeAll(async () => ([app, secure] = await startForPages()));

const INVALID = { status: 401, code: 'invalid_token' };
const FORBIDDEN = { status: 403, code: 'origin_not_allowed' };

describe('a login with `cookie`', () => {
  it('puts the refresh token where no script reads it, and not into the body', async () => {
    const [user] = await insertUsers(app, [{}]);
    const { body, headers } = await new WebPage(app, '').logIn(user!);

    expect(body).toMatchObject({ refresh_token: null, refresh_expires_in: null, expires_in: 1_800 });
    expect(headers.get('set-cookie')).toMatch(
      /^omni_refresh=[\w-]{84}; Max-Age=604800; Path=\/api\/v1\/auth; HttpOnly; SameSite=Strict$/,
    );
  });

  it('binds the name to https where there is https', async () => {
    const [user] = await insertUsers(secure, [{}]);
    const { headers } = await new WebPage(secure, '').logIn(user!);

    expect(headers.get('set-cookie')).toMatch(
      /^__Secure-omni_refresh=[\w-]{84}; Max-Age=604800; Path=\/api\/v1\/auth; HttpOnly; Secure; SameSite=Strict$/,
    );
  });

  it('that is false is as one without', async () => {
    const [user] = await insertUsers(app, [{}]);
    const { email, password } = user!;
    const { body, headers } = await app.send('POST', '/auth/login', { body: { email, password, cookie: false } });

    expect(body.refresh_token).toMatch(/^[\w-]{84}$/);
    expect(headers.get('set-cookie')).toBeNull();
  });

  it.each([['yes'], [1], [null]])('takes no %j for an answer', async (cookie) => {
    const { body } = await app.send('POST', '/auth/login', { body: { email: 'a@example.com', password: 'x', cookie } });

    expect(body).toMatchObject({ status: 422, errors: [{ pointer: '#/cookie' }] });
  });
});

describe('a refresh by cookie', () => {
  it.each([
    ['of PUBLIC_URL', 'http://localhost:3000'],
    ['in CORS_ORIGINS', FRONT_END],
  ])('goes on for a page %s, in the cookie again', async (_, origin) => {
    const page = await signedInPage(app, origin);
    const first = page.cookie;
    const { status, body } = await page.refresh();

    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', refresh_token: null, refresh_expires_in: null });
    expect(page.cookie).toMatch(/^omni_refresh=[\w-]{84}$/);
    expect(page.cookie).not.toBe(first);
    expect(await page.isIn()).toBe(true);
    expect((await page.refresh()).status).toBe(200);
  });

  it('in many tabs at once gives them one and the same cookie (SEC-25)', async () => {
    const page = await signedInPage(app);
    const { cookie } = page;
    const tabs = Array.from({ length: 10 }, () => Object.assign(new WebPage(app, page.origin), { cookie }));
    const answers = await Promise.all(tabs.map((tab) => tab.refresh()));

    expect(answers.map(({ status }) => status)).toEqual(tabs.map(() => 200));
    expect(new Set(tabs.map((tab) => tab.cookie)).size).toBe(1);
  });

  it.each([
    ['another site', 'https://evil.example.com'],
    ['a neighbour', 'https://api.example.com.evil.example'],
    ['the same host by http', 'http://api.example.com'],
    ['nowhere', 'null'],
    ['two at once', `${FRONT_END}, https://evil.example.com`],
  ])('is refused to a page of %s, and the token is not used up', async (_, origin) => {
    const page = await signedInPage(secure);
    const { cookie } = page;

    expect((await page.post('/auth/refresh', undefined, { origin })).body).toMatchObject(FORBIDDEN);
    expect(page.cookie).toBe(cookie);
    expect((await page.refresh()).status).toBe(200);
  });

  it('is refused without an Origin', async () => {
    const { cookie } = await signedInPage(app);
    const { body } = await app.send('POST', '/auth/refresh', { headers: { cookie } });

    expect(body).toMatchObject(FORBIDDEN);
  });

  it('is refused with a token in the body too', async () => {
    const page = await signedInPage(app);
    const { body } = await page.post('/auth/refresh', { refresh_token: 'x' });

    expect(body).toMatchObject({ status: 422, errors: [{ pointer: '#/refresh_token', code: 'exclusive' }] });
    expect((await page.refresh()).status).toBe(200);
  });

  it('is refused when there are two: a neighbouring host may have planted one', async () => {
    const [own, planted] = [await signedInPage(app), await signedInPage(app)];
    const cookie = `${planted.cookie}; ${own.cookie}`;

    expect((await own.post('/auth/refresh', undefined, { cookie })).body).toMatchObject(INVALID);
  });

  it.each([
    ['empty', 'omni_refresh='],
    ['rubbish', 'omni_refresh=rubbish'],
    ['under the name of another scheme', '__Secure-omni_refresh=rubbish'],
    ['called otherwise', 'refresh_token=rubbish; xomni_refresh=rubbish'],
    ['nothing but signs', ';;=;omni_refresh;='],
  ])('is refused when the cookie is %s', async (_, cookie) => {
    const page = new WebPage(app, FRONT_END);

    expect((await page.post('/auth/refresh', undefined, { cookie })).body).toMatchObject(INVALID);
  });

  it('finds its cookie among others', async () => {
    const page = await signedInPage(app);
    const cookie = `a=b; theme="dark; ${page.cookie};empty=`;

    expect((await page.post('/auth/refresh', undefined, { cookie })).status).toBe(200);
  });

  it('can be read by the page: CORS lets credentials through, and no other origin', async () => {
    const page = await signedInPage(app, FRONT_END);
    const { headers } = await page.refresh();
    const { headers: foreign } = await page.post('/auth/refresh', undefined, { origin: 'https://evil.example.com' });

    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('access-control-allow-origin')).toBe(FRONT_END);
    expect(foreign.get('access-control-allow-origin')).not.toBe('https://evil.example.com');
  });
});

it('the cookie opens no other door: it is no identity but where it is refreshed or given up', async () => {
  const { cookie, origin } = await signedInPage(app);
  for (const [method, path] of [
    ['GET', '/users/me'],
    ['GET', '/auth/sessions'],
    ['DELETE', '/users/me'],
    ['DELETE', '/auth/sessions/019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c'],
  ] as const) {
    const { body } = await app.send(method, path, { headers: { cookie, origin } });
    expect(body).toMatchObject({ status: 401, code: 'unauthenticated' });
  }
});

it('a token is the same wherever it is kept', async () => {
  const page = await signedInPage(app);
  const [, refresh_token = ''] = page.cookie.split('=');
  const next = await refreshed(app, { refresh_token });
  page.cookie = `omni_refresh=${next.refresh_token}`;

  expect((await page.refresh()).status).toBe(200);
});
