import { randomBytes } from 'node:crypto';
import { insertUsers, newTenant } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { PATIENT } from '../support/visitors.js';
import { isIn, openSession, refresh, refreshed, sessionIdOf, type TokenPair } from '../support/tokens.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

const DAY_S = 24 * 60 * 60;

const stateOf = async (tokens: TokenPair): Promise<any> =>
  (await app.sql('SELECT * FROM sessions WHERE id = $1', [sessionIdOf(tokens)]))[0];

/** As if the session had been opened so many hours earlier. */
const age = (tokens: TokenPair, hours: number): Promise<unknown> =>
  app.sql(
    `UPDATE sessions SET created_at = created_at - $2 * interval '1 hour', auth_time = auth_time - $2 * interval '1 hour'
     WHERE id = $1`,
    [sessionIdOf(tokens), hours],
  );

const INVALID = { status: 401, code: 'invalid_token', detail: 'Invalid token' };

describe('POST /auth/refresh', () => {
  it('goes on with the session: new tokens, and its end is put off', async () => {
    const first = await openSession(app);
    await app.sql(`UPDATE sessions SET expires_at = now() + interval '1 hour' WHERE id = $1`, [sessionIdOf(first)]);
    const { status, headers, body } = await refresh(app, first.refresh_token);

    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('set-cookie')).toBeNull();
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 1_800,
      refresh_token: expect.stringMatching(/^[\w-]{84}$/),
      refresh_expires_in: 7 * DAY_S,
    });
    expect(body.refresh_token).not.toBe(first.refresh_token);
    expect(sessionIdOf(body)).toBe(sessionIdOf(first));
    expect([await isIn(app, first), await isIn(app, body)]).toEqual([true, true]);
  });

  it('keeps `auth_time`: what wants a recent login does not get one by it', async () => {
    const first = await openSession(app);
    await age(first, 1);
    const { auth_time } = await stateOf(first);
    const next = await refreshed(app, first);

    expect((await stateOf(next)).auth_time).toEqual(auth_time);
    const { body } = await app.send('DELETE', '/users/me', { token: next.access_token });
    expect(body).toMatchObject({ status: 401, code: 'reauth_required' });
  });

  it('counts as being seen', async () => {
    const first = await openSession(app);
    await app.sql(`UPDATE sessions SET last_seen_at = now() - interval '10 seconds' WHERE id = $1`, [
      sessionIdOf(first),
    ]);
    const { last_seen_at } = await stateOf(first);

    expect((await stateOf(await refreshed(app, first))).last_seen_at > last_seen_at).toBe(true);
  });

  it('does not look at a credential that comes along: a client whose token is over must go on', async () => {
    const { refresh_token } = await openSession(app);
    const headers = { authorization: 'Bearer rubbish' };

    expect((await app.send('POST', '/auth/refresh', { body: { refresh_token }, headers })).status).toBe(200);
  });

  it.each([
    [{ refresh_token: 5 }, '#/refresh_token', 'type'],
    [{ refresh_token: null }, '#/refresh_token', 'not_null'],
    [{ refresh_token: 'x'.repeat(513) }, '#/refresh_token', 'max_length'],
    [{ refresh_token: 'a\0b' }, '#/refresh_token', 'text'],
    [{ token: 'x' }, '#/token', 'unknown_field'],
    [[], '#', 'type'],
  ])('refuses %j', async (body, pointer, code) => {
    const answer = await app.send('POST', '/auth/refresh', { body });

    expect(answer.body).toMatchObject({ status: 422, errors: [{ pointer, code }] });
  });

  it('refuses a query: a secret does not belong there (SEC-61)', async () => {
    const { refresh_token } = await openSession(app);
    const { body } = await app.send('POST', `/auth/refresh?refresh_token=${refresh_token}`);

    expect(body).toMatchObject({ status: 422, errors: [{ pointer: '?refresh_token', code: 'unknown_field' }] });
  });

  it.each([
    ['nothing', undefined],
    ['an empty object', {}],
    ['an empty token', { refresh_token: '' }],
    ['rubbish', { refresh_token: 'rubbish' }],
    ['what has the form of a token', { refresh_token: randomBytes(63).toString('base64url') }],
    ['letters of another alphabet', { refresh_token: 'я'.repeat(84) }],
  ])('says of %s that it is no valid token', async (_, body) => {
    const answer = await app.send('POST', '/auth/refresh', { body });

    expect(answer.body).toMatchObject(INVALID);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  });

  it('takes an access token for nothing, and a refresh token for no bearer (SEC-20)', async () => {
    const { access_token, refresh_token } = await openSession(app);

    expect((await refresh(app, access_token)).body).toMatchObject(INVALID);
    expect((await app.send('GET', '/users/me', { token: refresh_token })).body).toMatchObject(INVALID);
  });

  it('takes no token that was changed or made up, and its session is none the worse', async () => {
    const tokens = await openSession(app);
    const { refresh_token } = tokens;
    const named = Buffer.from(sessionIdOf(tokens).replaceAll('-', ''), 'hex');
    const madeUp = Buffer.concat([named, randomBytes(47)]).toString('base64url');
    const swap = (at: number): string =>
      refresh_token.slice(0, at) + (refresh_token[at] === 'A' ? 'B' : 'A') + refresh_token.slice(at + 1);
    const changed = Array.from(refresh_token, (_, at) => swap(at));

    for (const token of [madeUp, `${refresh_token}=`, `${refresh_token} `, refresh_token.slice(1), ...changed]) {
      expect((await refresh(app, token)).body).toMatchObject(INVALID);
    }
    expect((await refresh(app, refresh_token)).status).toBe(200);
  });
});

describe('a session (SEC-23)', () => {
  it('that nobody refreshes for REFRESH_TOKEN_EXPIRE_DAYS is over, its access token too, and is not shown', async () => {
    const brief = await startApp({ settings: { REFRESH_TOKEN_EXPIRE_DAYS: '2' } });
    const [user] = await insertUsers(app, [{}]);
    const [idle, other] = [await openSession(brief, user), await openSession(brief, user)];
    expect(idle.refresh_expires_in).toBe(2 * DAY_S);
    const { expires_at, created_at } = await stateOf(idle);
    expect((expires_at - created_at) / 1_000).toBeCloseTo(2 * DAY_S, -1);

    await app.sql(
      `UPDATE sessions SET created_at = created_at - $2::interval, expires_at = expires_at - $2::interval
                   WHERE id = $1`,
      [sessionIdOf(idle), '2 days 1 second'],
    );

    expect((await refresh(app, idle.refresh_token)).body).toMatchObject(INVALID);
    expect(await isIn(app, idle)).toBe(false);
    const { body } = await app.send('GET', '/auth/sessions', { token: other.access_token });
    expect(body.data.map(({ id }: { id: string }) => id)).toEqual([sessionIdOf(other)]);
    await brief.close();
  });

  it('ends SESSION_MAX_DAYS after the login, however often it is refreshed', async () => {
    const tokens = await openSession(app);
    await age(tokens, 30 * 24 - 1);
    const last = await refreshed(app, tokens);

    expect(last.refresh_expires_in).toBeGreaterThan(3_500);
    expect(last.refresh_expires_in).toBeLessThanOrEqual(3_600);
    await age(last, 2);
    expect((await refresh(app, last.refresh_token)).body).toMatchObject(INVALID);
  });

  it('does not outlive a SESSION_MAX_DAYS that was made shorter meanwhile', async () => {
    const tokens = await openSession(app);
    await age(tokens, 25);
    const strict = await startApp({ settings: { SESSION_MAX_DAYS: '1' } });

    expect((await refresh(strict, tokens.refresh_token)).body).toMatchObject(INVALID);
    expect((await refresh(app, tokens.refresh_token)).status).toBe(200);
    await strict.close();
  });

  it('of a tenant that is closed is not refreshed until it is open again', async () => {
    const tenant_id = await newTenant(app);
    const [user] = await insertUsers(app, [{ tenant_id }]);
    const tokens = await openSession(app, user);
    const setStatus = (status: string) => app.sql('UPDATE tenants SET status = $2 WHERE id = $1', [tenant_id, status]);

    await setStatus('disabled');
    expect((await refresh(app, tokens.refresh_token)).body).toMatchObject(INVALID);
    await setStatus('active');
    expect((await refresh(app, tokens.refresh_token)).status).toBe(200);
  });
});

describe('RATE_LIMIT_REFRESH', () => {
  it.each(['with Redis', 'none'] as const)('is a limit of the session, and of no other (%s)', async (redis) => {
    const limited = await startApp({
      settings: { RATE_LIMIT_REFRESH: '3/1m' },
      timings: PATIENT,
      ...(redis === 'none' && { redis }),
    });
    const [user] = await insertUsers(app, [{}]);
    const other = await openSession(limited, user);
    const first = await openSession(limited, user);
    let tokens = first;
    for (let turn = 1; turn <= 3; turn++) tokens = await refreshed(limited, tokens);
    const refused = await refresh(limited, tokens.refresh_token);

    expect(refused.body).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(refused.headers.get('ratelimit-policy')).toBe('"refresh";q=3;w=60');
    expect(await isIn(limited, tokens)).toBe(true);
    expect((await refresh(limited, other.refresh_token)).status).toBe(200);
    // What was copied is stopped however little is left.
    expect((await refresh(limited, first.refresh_token)).body).toMatchObject(INVALID);
    expect(await isIn(limited, tokens)).toBe(false);
    await limited.close();
  });

  it('is used up by nobody who does not hold the token', async () => {
    const limited = await startApp({ settings: { RATE_LIMIT_REFRESH: '1/1m' }, timings: PATIENT });
    const tokens = await openSession(limited);
    const named = Buffer.from(sessionIdOf(tokens).replaceAll('-', ''), 'hex');
    for (let turn = 1; turn <= 3; turn++) {
      const madeUp = Buffer.concat([named, randomBytes(47)]).toString('base64url');
      expect((await refresh(limited, madeUp)).body).toMatchObject(INVALID);
    }

    expect((await refresh(limited, tokens.refresh_token)).status).toBe(200);
    await limited.close();
  });
});
