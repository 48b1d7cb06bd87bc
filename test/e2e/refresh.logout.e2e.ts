import { insertUsers } from '../support/accounts.js';
import type { TestApp } from '../support/app.js';
import { openSession, refresh, sessionIdOf } from '../support/tokens.js';
import { FRONT_END, signedInPage, startForPages, WebPage } from '../support/web-page.js';

let app: TestApp;
let secure: TestApp;
beforeAll(async () => ([app, secure] = await startForPages()));

const INVALID = { status: 401, code: 'invalid_token' };
const FORBIDDEN = { status: 403, code: 'origin_not_allowed' };

describe('a logout by cookie', () => {
  it.each([
    ['no bearer', {}],
    ['a bearer that is over', { authorization: 'Bearer rubbish' }],
    ['another scheme', { authorization: 'Basic YTpi' }],
  ])('with %s ends the session and takes the cookie back', async (_, headers) => {
    const page = await signedInPage(app);
    const { cookie } = page;
    const answer = await page.post('/auth/logout', undefined, headers);

    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers.get('set-cookie')).toMatch(
      /^omni_refresh=; Max-Age=0; Path=\/api\/v1\/auth; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Strict$/,
    );
    expect(await page.isIn()).toBe(false);
    expect((await page.post('/auth/refresh', undefined, { cookie })).body).toMatchObject(INVALID);
  });

  it('takes back the secure cookie as a secure one: no browser would let go of it otherwise', async () => {
    const page = await signedInPage(secure);
    const { headers } = await page.post('/auth/logout');

    expect(headers.get('set-cookie')).toMatch(/^__Secure-omni_refresh=; Max-Age=0;.* Secure; SameSite=Strict$/);
  });

  it('can leave this session alone, and its cookie', async () => {
    const [user] = await insertUsers(app, [{}]);
    const [page, other] = [new WebPage(app, FRONT_END), await openSession(app, user)];
    await page.logIn(user!);
    const { headers } = await page.post('/auth/logout', { scope: 'others' });

    expect(headers.get('set-cookie')).toBeNull();
    expect((await refresh(app, other.refresh_token)).body).toMatchObject(INVALID);
    expect((await page.refresh()).status).toBe(200);
  });

  it('can end all', async () => {
    const [user] = await insertUsers(app, [{}]);
    const [page, other] = [new WebPage(app, FRONT_END), await openSession(app, user)];
    await page.logIn(user!);

    expect((await page.post('/auth/logout', { scope: 'global' })).status).toBe(204);
    expect(page.cookie).toBe('');
    expect((await refresh(app, other.refresh_token)).body).toMatchObject(INVALID);
    expect(await page.isIn()).toBe(false);
  });

  it('takes the token before the last one too, while its successor may be lost', async () => {
    const page = await signedInPage(app);
    const { cookie } = page;
    await page.refresh();

    expect((await page.post('/auth/logout', undefined, { cookie })).status).toBe(204);
    expect(await page.isIn()).toBe(false);
  });

  it('by a token that is long out of date finds it stolen, as a refresh does (SEC-25)', async () => {
    const page = await signedInPage(app);
    const { cookie } = page;
    await page.refresh();
    await page.refresh();

    expect((await page.post('/auth/logout', undefined, { cookie })).body).toMatchObject(INVALID);
    expect(await page.isIn()).toBe(false);
    const events = await app.sql('SELECT action FROM audit_events WHERE subject_id = $1', [sessionIdOf(page)]);
    expect(events).toEqual([{ action: 'authn_token_reuse' }]);
  });

  it.each([['https://evil.example.com'], ['null'], [undefined]])(
    'is refused to a page of %s, whatever bearer it has',
    async (origin) => {
      const page = await signedInPage(app);
      const { cookie, access_token: token } = page;
      for (const bearer of [undefined, token]) {
        const headers = { cookie, ...(origin && { origin }) };
        const { body } = await app.send('POST', '/auth/logout', { headers, token: bearer });
        expect(body).toMatchObject(FORBIDDEN);
      }

      expect(await page.isIn()).toBe(true);
    },
  );

  it('is refused when the cookie is worth nothing', async () => {
    const page = await signedInPage(app);
    const { cookie } = page;
    await page.post('/auth/logout');

    expect((await page.post('/auth/logout', undefined, { cookie })).body).toMatchObject(INVALID);
  });

  it('ends the session of a bearer that is good, and takes the cookie back with it', async () => {
    const [user] = await insertUsers(app, [{}]);
    const [page, other] = [new WebPage(app, FRONT_END), await openSession(app, user)];
    await page.logIn(user!);
    const authorization = `Bearer ${other.access_token}`;

    expect((await page.post('/auth/logout', undefined, { authorization })).status).toBe(204);
    expect(page.cookie).toBe('');
    expect((await refresh(app, other.refresh_token)).body).toMatchObject(INVALID);
  });
});
