import { insertUsers, rowsHolding } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { isIn, openSession, refresh, refreshed, sessionIdOf, type TokenPair } from '../support/tokens.js';

let app: TestApp;
/** Ten seconds are over at once here: a repeat comes too late. */
let late: TestApp;
beforeAll(async () => ([app, late] = await Promise.all([startApp(), startApp({ timings: { refresh_repeat_ms: 0 } })])));

const eventsOf = (tokens: TokenPair): Promise<{ action: string; actor_type: string; outcome: string }[]> =>
  app.sql('SELECT action, actor_type, outcome FROM audit_events WHERE subject_id = $1', [sessionIdOf(tokens)]);

const INVALID = { status: 401, code: 'invalid_token', detail: 'Invalid token' };

/** Of a ring of keys. */
const [OLD, NEW] = ['old', 'new'].map((kid) => `${kid}:ring-7hG2kQ9xW4mZ8vB1nC5pL3sD6fJ0-${kid}`) as [string, string];

describe('a refresh that is repeated (SEC-25)', () => {
  it('within the time gets the very same successor, and another access token of the same session', async () => {
    const first = await openSession(app);
    const next = await refreshed(app, first);
    const again = await refreshed(app, first);

    expect(again.refresh_token).toBe(next.refresh_token);
    expect(again.access_token).not.toBe(next.access_token);
    expect([await isIn(app, next), await isIn(app, again)]).toEqual([true, true]);
    expect(await eventsOf(first)).toEqual([]);
  });

  it('twenty times at once, on two replicas, makes one successor and no second line', async () => {
    const other = await startApp();
    const first = await openSession(app);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, turn) => refresh(turn % 2 ? app : other, first.refresh_token)),
    );

    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    const [successor, ...others] = new Set(answers.map(({ body }) => body.refresh_token as string));
    expect(others).toEqual([]);
    expect(await app.sql('SELECT 1 FROM sessions WHERE id = $1', [sessionIdOf(first)])).toHaveLength(1);
    expect((await refresh(other, successor!)).status).toBe(200);
    expect(await eventsOf(first)).toEqual([]);
    await other.close();
  });

  it('after a process died between its commit and its answer goes on as if nothing had happened', async () => {
    const doomed = await startProcess({ die_at: 'refresh.committed' });
    const { refresh_token, ...first } = await openSession(app);
    const lost = doomed.send('POST', '/auth/refresh', { body: { refresh_token } });
    await expect(lost).rejects.toThrow();
    expect((await doomed.exit).signal).toBe('SIGKILL');
    const committed = await app.sql('SELECT 1 FROM sessions WHERE id = $1 AND parent_hash IS NOT NULL', [
      sessionIdOf(first),
    ]);
    expect(committed).toHaveLength(1);

    const next = await refreshed(app, { refresh_token });
    expect((await refreshed(app, next)).refresh_token).not.toBe(next.refresh_token);
  });

  it('gets the same successor while the ring of keys is rotated, and afterwards', async () => {
    const before = await startApp({ settings: { SECRET_KEY: `${OLD},${NEW}` } });
    const after = await startApp({ settings: { SECRET_KEY: `${NEW},${OLD}` } });
    const first = await openSession(before);
    const second = await refreshed(before, first);

    expect((await refreshed(after, first)).refresh_token).toBe(second.refresh_token);
    const third = await refreshed(after, second);
    expect((await refreshed(before, second)).refresh_token).toBe(third.refresh_token);
    await Promise.all([before.close(), after.close()]);
  });

  it('gets nothing once the key that made the successor is gone, but the successor is good', async () => {
    const before = await startApp({ settings: { SECRET_KEY: OLD, PROCESS_ROLE: 'api' } });
    const after = await startApp({ settings: { SECRET_KEY: NEW, PROCESS_ROLE: 'api' } });
    const first = await openSession(before);
    const second = await refreshed(before, first);

    expect((await refresh(after, first.refresh_token)).body).toMatchObject(INVALID);
    expect((await refresh(after, second.refresh_token)).status).toBe(200);
    await Promise.all([before.close(), after.close()]);
  });
});

describe('a refresh token that was used before (SEC-25)', () => {
  /** Which token comes back, and where. */
  const CASES: [
    what: string,
    reuse: (tokens: TokenPair) => Promise<{ at: TestApp; stolen: string; held: TokenPair }>,
  ][] = [
    [
      'and is repeated too late',
      async (first) => ({ at: late, stolen: first.refresh_token, held: await refreshed(app, first) }),
    ],
    [
      'and whose successor was used',
      async (first) => ({
        at: app,
        stolen: first.refresh_token,
        held: await refreshed(app, await refreshed(app, first)),
      }),
    ],
    [
      'and is long out of date',
      async (first) => {
        let held = first;
        for (let turn = 1; turn <= 5; turn++) held = await refreshed(app, held);
        return { at: app, stolen: first.refresh_token, held };
      },
    ],
  ];

  it.each(CASES)('%s ends its session at once, for whoever holds what', async (_, reuse) => {
    const [user] = await insertUsers(app, [{}]);
    const [first, elsewhere] = [await openSession(app, user), await openSession(app, user)];
    const { at, stolen, held } = await reuse(first);
    const { body } = await refresh(at, stolen);

    expect(body).toMatchObject(INVALID);
    expect([await isIn(app, first), await isIn(late, held)]).toEqual([false, false]);
    expect((await refresh(app, held.refresh_token)).body).toMatchObject(INVALID);
    expect(await isIn(app, elsewhere)).toBe(true);
    expect((await refresh(app, elsewhere.refresh_token)).status).toBe(200);
  });

  it('is audited and mailed once, though it comes back twenty times at once', async () => {
    const [user] = await insertUsers(app, [{}]);
    const first = await openSession(app, user);
    await refreshed(app, await refreshed(app, first));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, turn) => refresh(turn % 2 ? app : late, first.refresh_token)),
    );

    for (const { body } of answers) expect(body).toMatchObject(INVALID);
    expect(await eventsOf(first)).toEqual([
      { action: 'authn_token_reuse', actor_type: 'anonymous', outcome: 'failure' },
    ]);
    const { text } = await app.mail(user!.email, 'Sign-in from a stolen token was stopped');
    expect(text).toContain('Hello Ada Lovelace,');
    await eventually(async () => (await app.sql(`SELECT 1 FROM outbox WHERE status <> 'sent'`)).length === 0);
    expect(app.inbox.list().filter(({ to }) => to.includes(user!.email))).toHaveLength(1);
  });

  it('needs no row of its own to be known again', async () => {
    const [{ count: before }] = await app.sql('SELECT count(*)::int FROM sessions');
    let tokens = await openSession(app);
    for (let turn = 1; turn <= 5; turn++) tokens = await refreshed(app, tokens);
    const [{ count: after }] = await app.sql('SELECT count(*)::int FROM sessions');

    expect(after - before).toBe(1);
  });
});

it('a refresh token is in no table and in no line of the log, whatever became of it', async () => {
  const [user] = await insertUsers(app, [{}]);
  const seen = [await openSession(app, user)];
  for (let turn = 1; turn <= 3; turn++) seen.push(await refreshed(app, seen.at(-1)!));
  await refresh(app, seen[0]!.refresh_token);
  await app.mail(user!.email, 'Sign-in from a stolen token was stopped');
  const secrets = seen.flatMap(({ refresh_token }) => [
    refresh_token,
    // The secret part alone, as a column of bytes would show it.
    Buffer.from(refresh_token, 'base64url').subarray(16, 48).toString('hex'),
    refresh_token.slice(24, 62),
  ]);

  expect(await rowsHolding(app, secrets)).toEqual([]);
  const lines = [...app.logs, ...late.logs].join('\n');
  expect(lines).toContain('/api/v1/auth/refresh');
  for (const secret of secrets) expect(lines).not.toContain(secret);
});
