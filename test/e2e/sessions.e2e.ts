import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { randomUUID } from 'node:crypto';
import { insertUsers } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Account, Answer, Client } from '../support/client.js';
import { whileLocked } from '../support/connections.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

interface Session {
  readonly id: string;
  readonly user_agent: string | null;
  readonly current: boolean;
}

const sessionsOf = async (client: Client): Promise<Session[]> => (await client.get('/auth/sessions')).body.data;
const currentOf = async (client: Client): Promise<Session> =>
  (await sessionsOf(client)).find(({ current }) => current)!;
const isIn = async (client: Client): Promise<boolean> => {
  const { status, body } = await client.get('/users/me');
  if (status !== 200) expect(body).toMatchObject({ status: 401, code: 'invalid_token' });
  return status === 200;
};

describe('GET /auth/sessions', () => {
  it('shows when, from which network and with what the user logged in, and which session asks', async () => {
    const ada = await app.signUp();
    const { status, body } = await ada.get('/auth/sessions');

    expect(status).toBe(200);
    expect(body).toEqual({
      data: [
        {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          last_seen_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          user_agent: 'node',
          ip: '127.0.0.0/24',
          current: true,
        },
      ],
    });
  });

  it('shows the newest first, and one as the current one', async () => {
    const first = await app.signUp();
    const second = await first.again();
    const third = await first.again();
    const order = await Promise.all([third, second, first].map(currentOf));

    for (const client of [first, second, third]) {
      const sessions = await sessionsOf(client);
      expect(sessions.map(({ id }) => id)).toEqual(order.map(({ id }) => id));
      expect(sessions.filter(({ current }) => current)).toHaveLength(1);
    }
  });

  it("shows nobody else's, to an admin neither", async () => {
    const [admin, ada] = await Promise.all([app.tenantAdmin(), app.signUp()]);
    const { id } = await currentOf(ada);

    expect((await sessionsOf(admin)).map((session) => session.id)).not.toContain(id);
  });

  it('cuts a user agent that is very long', async () => {
    const [user] = await insertUsers(app, [{}]);
    const { email, password } = user!;
    const login = { body: { email, password }, headers: { 'user-agent': 'x'.repeat(5_000) } };
    const { body } = await app.request('POST', '/auth/login', login);
    const { body: sessions } = await app.request('GET', '/auth/sessions', { token: body.access_token });

    expect(sessions.data[0].user_agent).toBe('x'.repeat(300));
  });
});

describe('last_seen_at', () => {
  const seen = async (id: string): Promise<number> =>
    (await app.sql<{ at: Date }>('SELECT last_seen_at AS at FROM sessions WHERE id = $1', [id]))[0]!.at.getTime();
  const seenBefore = (id: string, seconds: number) =>
    app.sql('UPDATE sessions SET last_seen_at = now() - make_interval(secs => $2) WHERE id = $1', [id, seconds]);

  it('is written at most once a minute', async () => {
    const ada = await app.signUp();
    const { id } = await currentOf(ada);

    await seenBefore(id, 50);
    const recent = await seen(id);
    await ada.get('/users/me');
    expect(await seen(id)).toBe(recent);

    await seenBefore(id, 70);
    const old = await seen(id);
    await ada.get('/users/me');
    expect(await seen(id)).toBeGreaterThan(old + 60_000);
  });

  it('is not worth waiting for: a request goes on while somebody else holds the row', async () => {
    const ada = await app.signUp();
    const { id } = await currentOf(ada);
    await seenBefore(id, 70);

    await whileLocked(app, 'SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE', [id], async () => {
      expect(await isIn(ada)).toBe(true);
    });
  });
});

describe('DELETE /auth/sessions/{id}', () => {
  it('ends another session of the own ones, at once', async () => {
    const ada = await app.signUp();
    const other = await ada.again();
    const { id } = await currentOf(other);

    expect(await ada.delete(`/auth/sessions/${id}`)).toMatchObject({ status: 204, text: '' });
    expect(await isIn(other)).toBe(false);
    expect(await isIn(ada)).toBe(true);
    expect(await sessionsOf(ada)).toHaveLength(1);
  });

  it('ends the current one too', async () => {
    const ada = await app.signUp();

    expect((await ada.delete(`/auth/sessions/${(await currentOf(ada)).id}`)).status).toBe(204);
    expect(await isIn(ada)).toBe(false);
  });

  it("answers the same 404 for somebody else's as for one that never was (SEC-29)", async () => {
    const [ada, bob] = await Promise.all([app.signUp(), app.signUp()]);
    const { id } = await currentOf(bob);
    const without = ({ status, body }: Answer) => ({ status, ...body, instance: '', request_id: '' });
    const foreign = await ada.delete(`/auth/sessions/${id}`);

    expect(foreign.body).toMatchObject({ status: 404, code: 'session_not_found' });
    for (const absent of [randomUUID(), 'nonexistent']) {
      expect(without(await ada.delete(`/auth/sessions/${absent}`))).toEqual(without(foreign));
    }
    expect(await isIn(bob)).toBe(true);
  });

  it('finds nothing the second time', async () => {
    const ada = await app.signUp();
    const { id } = await currentOf(await ada.again());
    const answers = await Promise.all([1, 2, 3].map(() => ada.delete(`/auth/sessions/${id}`)));

    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 404, 404]);
  });
});

describe('POST /auth/logout', () => {
  it.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['an empty object', {}],
    ['local', { scope: 'local' }],
  ])('with %s ends the session that asks, and no other', async (_, body) => {
    const ada = await app.signUp();
    const other = await ada.again();

    expect(await ada.post('/auth/logout', body)).toMatchObject({ status: 204, text: '' });
    expect(await isIn(ada)).toBe(false);
    expect(await isIn(other)).toBe(true);
  });

  it('with others ends all but the one that asks', async () => {
    const ada = await app.signUp();
    const others = [await ada.again(), await ada.again()];

    expect((await ada.post('/auth/logout', { scope: 'others' })).status).toBe(204);
    expect(await isIn(ada)).toBe(true);
    for (const other of others) expect(await isIn(other)).toBe(false);
  });

  it('with global ends all, and nobody else’s', async () => {
    const [ada, bob] = await Promise.all([app.signUp(), app.signUp()]);
    const other = await ada.again();

    expect((await ada.post('/auth/logout', { scope: 'global' })).status).toBe(204);
    for (const session of [ada, other]) expect(await isIn(session)).toBe(false);
    expect(await isIn(bob)).toBe(true);
  });

  it.each([
    [{ scope: 'all' }, '#/scope', 'enum'],
    [{ scope: null }, '#/scope', 'not_null'],
    [{ scope: ['local'] }, '#/scope', 'enum'],
    [{ everywhere: true }, '#/everywhere', 'unknown_field'],
    [[], '#', 'type'],
    ['null', '#', 'type'],
  ])('refuses %j and ends nothing', async (body, pointer, code) => {
    const ada = await app.signUp();

    expect((await ada.post('/auth/logout', body)).body).toMatchObject({ status: 422, errors: [{ pointer, code }] });
    expect(await isIn(ada)).toBe(true);
  });

  it('wants a session', async () => {
    const ada = await app.signUp();
    await ada.post('/auth/logout');

    expect((await app.request('POST', '/auth/logout')).body.code).toBe('unauthenticated');
    expect((await ada.post('/auth/logout')).body.code).toBe('invalid_token');
  });
});

describe('of one user', () => {
  const login = async ({ email, password }: Account): Promise<Answer> =>
    app.request('POST', '/auth/login', { body: { email, password } });

  /** Opened a minute after the other, the last one a minute ago. */
  const opened = (user_id: string, count: number): Promise<{ id: string }[]> =>
    app.sql(
      `INSERT INTO sessions (id, tenant_id, user_id, role, auth_time, ip, created_at, expires_at)
       SELECT gen_random_uuid(), $3, $2, 'user', now(), '127.0.0.0/24', now() - n * interval '1 minute', now() + interval '1 day'
       FROM generate_series($1::int, 1, -1) AS n RETURNING id`,
      [count, user_id, DEFAULT_TENANT_ID],
    );
  const left = async (user_id: string): Promise<string[]> =>
    (await app.sql('SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at', [user_id])).map(({ id }) => id);

  it('the twenty-first session ends the oldest, which is audited (SEC-29)', async () => {
    const [user, neighbour] = await insertUsers(app, [{}, {}]);
    await opened(neighbour!.id, 20);
    const [oldest, ...others] = await opened(user!.id, 20);
    expect((await login(user!)).status).toBe(200);

    expect((await left(user!.id)).slice(0, 19)).toEqual(others.map(({ id }) => id));
    expect(await left(user!.id)).toHaveLength(20);
    expect(await left(neighbour!.id)).toHaveLength(20);
    expect(
      await app.sql('SELECT action, reason, actor_id FROM audit_events WHERE subject_id = $1', [oldest!.id]),
    ).toEqual([{ action: 'authn_token_revoked', reason: 'too_many', actor_id: user!.id }]);
  });

  it('there are no more than twenty, however many log in at once, and each of these is in', async () => {
    const [user] = await insertUsers(app, [{}]);
    await opened(user!.id, 18);
    const answers = await Promise.all(Array.from({ length: 6 }, () => login(user!)));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(await left(user!.id)).toHaveLength(20);
    for (const { body } of answers) {
      expect((await app.request('GET', '/users/me', { token: body.access_token })).status).toBe(200);
    }
  });

  it('those that are over take no place', async () => {
    const [user] = await insertUsers(app, [{}]);
    const sessions = await opened(user!.id, 20);
    const past = { id: sessions[5]!.id };
    await app.sql(
      `UPDATE sessions SET created_at = now() - interval '9 days', expires_at = now() - interval '2 days' WHERE id = $1`,
      [past.id],
    );
    await login(user!);

    expect(await left(user!.id)).toHaveLength(21);
    expect(await left(user!.id)).toContain(sessions[0]!.id);
  });
});

describe('a session', () => {
  it('lasts SESSION_MAX_DAYS', async () => {
    const brief = await startApp({ settings: { SESSION_MAX_DAYS: '2' } });
    const ada = await brief.signUp();
    const [{ hours }] = await app.sql(
      'SELECT extract(epoch FROM expires_at - created_at) / 3600 AS hours FROM sessions WHERE user_id = $1',
      [ada.user.id],
    );
    await brief.close();

    expect(Number(hours)).toBeCloseTo(48, 1);
  });

  it('that is over is worth nothing and not shown, though its token is still good', async () => {
    const ada = await app.signUp();
    const other = await ada.again();
    const { id } = await currentOf(ada);
    await app.sql(
      `UPDATE sessions SET created_at = now() - interval '31 days', expires_at = now() - interval '1 second' WHERE id = $1`,
      [id],
    );

    expect(await isIn(ada)).toBe(false);
    expect((await sessionsOf(other)).map((session) => session.id)).not.toContain(id);
  });
});
