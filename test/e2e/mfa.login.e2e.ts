import { SecondFactor } from '../../src/auth/mfa/second-factor.js';
import { Retention } from '../../src/database/retention/retention.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { Guarded } from '../support/second-factor.js';
import { times } from '../support/visitors.js';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ timings: { hash_wait_ms: 60_000 } });
  Object.assign(app, { send: conforming(app.send) });
});

const finish = (mfa_token: string, code: string, at = app): Promise<Answer> =>
  at.send('POST', '/auth/login/mfa', { body: { mfa_token, code } });
const sessions = async ({ id }: Guarded): Promise<number> =>
  (await app.sql('SELECT 1 FROM sessions WHERE user_id = $1', [id])).length;
const successes = (answers: readonly Answer[]): number => answers.filter(({ status }) => status === 200).length;
/** The answers but one, which is a success. */
function expectOneSuccess(answers: readonly Answer[]): void {
  expect(successes(answers)).toBe(1);
  for (const { status, body } of answers) if (status !== 200) expect(body.code).toBe('invalid_mfa_code');
}

describe('a right password', () => {
  it('opens no session where there is a second factor, and says what is missing', async () => {
    const ada = await Guarded.signUp(app);
    const { email, password } = ada.client;
    const { status, headers, body } = await app.send('POST', '/auth/login', { body: { email, password } });

    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({ mfa_required: true, mfa_token: expect.stringMatching(/^[\w-]{43}$/), expires_in: 300 });
    expect(await sessions(ada)).toBe(1);
  });

  it('gives something that is no identity (SEC-20)', async () => {
    const ada = await Guarded.signUp(app);
    const token = await ada.challenge();

    for (const path of ['/users/me', '/auth/sessions']) {
      expect((await app.send('GET', path, { token })).body.code).toBe('invalid_token');
    }
    expect((await app.send('POST', '/auth/logout', { token })).body.code).toBe('invalid_token');
  });

  it('forgives no failures of the account by itself, nor makes more of them; the code forgives them', async () => {
    const ada = await Guarded.signUp(app);
    const failures = async () => {
      const rows = await app.sql('SELECT cardinality(failures) AS count FROM login_counters');
      return rows.reduce((sum, { count }) => sum + count, 0);
    };
    const before = await failures();
    const { email } = ada.client;
    for (const password of ['wrong', 'wrong again']) {
      await app.send('POST', '/auth/login', { body: { email, password } });
    }
    const token = await ada.challenge();

    expect(await failures()).toBe(before + 2);
    expect((await finish(token, await ada.code())).status).toBe(200);
    expect(await failures()).toBe(before);
  });
});

describe('POST /auth/login/mfa', () => {
  it('opens the session by a code of the app', async () => {
    const ada = await Guarded.signUp(app);
    const { status, headers, body } = await finish(await ada.challenge(), await ada.code());

    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 1_800 });
    expect((await app.send('GET', '/users/me', { token: body.access_token })).body.id).toBe(ada.id);
  });

  it('takes a recovery code, however it is written, once (SEC-14)', async () => {
    const ada = await Guarded.signUp(app);
    const code = ada.recovery_codes[3]!.replaceAll('-', ' ').toLowerCase();

    expect((await finish(await ada.challenge(), code)).status).toBe(200);
    expect((await finish(await ada.challenge(), code)).body.code).toBe('invalid_mfa_code');
    const [{ count }] = await app.sql(
      `SELECT count(*)::int FROM audit_events WHERE subject_id = $1 AND action = 'mfa_recovery_code_used'`,
      [ada.id],
    );
    expect(count).toBe(1);
  });

  it('is one event, whether it lets in or not', async () => {
    const ada = await Guarded.signUp(app);
    const eventsOf = async (code: string) => {
      const mfa_token = await ada.challenge();
      const request_id = `mfa-${mfa_token}`;
      await app.send('POST', '/auth/login/mfa', { body: { mfa_token, code }, headers: { 'x-request-id': request_id } });
      return app.sql('SELECT actor_id, action, subject_id, outcome, reason FROM audit_events WHERE request_id = $1', [
        request_id,
      ]);
    };

    expect(await eventsOf(await ada.code())).toEqual([
      { actor_id: ada.id, action: 'authn_login_success', subject_id: ada.id, outcome: 'success', reason: null },
    ]);
    expect(await eventsOf(ada.wrong)).toEqual([
      {
        actor_id: null,
        action: 'authn_login_fail',
        subject_id: ada.id,
        outcome: 'failure',
        reason: 'invalid_mfa_code',
      },
    ]);
  });

  it('refuses a token that is made up, and does not look at a credential that comes along', async () => {
    const ada = await Guarded.signUp(app);
    const { status, headers, body } = await finish('x'.repeat(43), '123456');
    expect([status, body.code]).toEqual([401, 'invalid_mfa_code']);
    expect(headers.get('www-authenticate')).toBe('Bearer');
    // Strangers write no rows.
    const written = await app.sql('SELECT id FROM audit_events WHERE request_id = $1', [headers.get('x-request-id')]);
    expect(written).toEqual([]);

    const login = { mfa_token: await ada.challenge(), code: await ada.code() };
    const answer = await app.send('POST', '/auth/login/mfa', { body: login, headers: { authorization: 'Basic YTpi' } });
    expect(answer.status).toBe(200);
  });

  it.each([
    ['code', { mfa_token: 'x' }, 'required'],
    ['code', { mfa_token: 'x', code: '' }, 'min_length'],
    ['code', { mfa_token: 'x', code: 123_456 }, 'type'],
    ['code', { mfa_token: 'x', code: '1'.repeat(65) }, 'max_length'],
    ['mfa_token', { code: '123456' }, 'required'],
    ['mfa_token', { mfa_token: { $ne: null }, code: '123456' }, 'type'],
  ])('refuses a broken %s: %j', async (field, body, code) => {
    const answer = await app.send('POST', '/auth/login/mfa', { body });

    expect(answer.body).toMatchObject({ status: 422, errors: [{ pointer: `#/${field}`, code }] });
  });
});

describe('a code of the app', () => {
  it('opens one session and no second (SEC-13)', async () => {
    const ada = await Guarded.signUp(app);
    const code = await ada.code();

    expect((await finish(await ada.challenge(), code)).status).toBe(200);
    expect((await finish(await ada.challenge(), code)).body.code).toBe('invalid_mfa_code');
  });

  it('opens one session when it comes twenty times at once, at twenty logins (SEC-13)', async () => {
    const ada = await Guarded.signUp(app);
    const tokens = await times(20, () => ada.challenge());
    const code = await ada.code();

    expectOneSuccess(await times(20, (at) => finish(tokens[at]!, code)));
    expect(await sessions(ada)).toBe(2);
  });

  it('opens one session when it comes twenty times at once, at one login (SEC-13)', async () => {
    const ada = await Guarded.signUp(app);
    const [token, code] = [await ada.challenge(), await ada.code()];

    expectOneSuccess(await times(20, () => finish(token, code)));
  });
});

describe('a recovery code', () => {
  it('opens one session when it comes twenty times at once (SEC-14)', async () => {
    const ada = await Guarded.signUp(app);
    const tokens = await times(20, () => ada.challenge());

    expectOneSuccess(await times(20, (at) => finish(tokens[at]!, ada.recovery_codes[0]!)));
    expect(await sessions(ada)).toBe(2);
  });

  it("is no use at somebody else's login (SEC-14)", async () => {
    const [ada, bob] = [await Guarded.signUp(app), await Guarded.signUp(app)];

    expect((await finish(await bob.challenge(), ada.recovery_codes[0]!)).body.code).toBe('invalid_mfa_code');
    expect((await finish(await ada.challenge(), ada.recovery_codes[0]!)).status).toBe(200);
  });
});

describe('the first step of a login', () => {
  it('is good for one session, whatever code comes next', async () => {
    const ada = await Guarded.signUp(app);
    const token = await ada.challenge();
    const answers = await times(5, (at) => finish(token, ada.recovery_codes[at]!));

    expectOneSuccess(answers);
    const used = await app.sql('SELECT 1 FROM recovery_codes WHERE user_id = $1 AND used_at IS NOT NULL', [ada.id]);
    expect(used).toHaveLength(1);
  });

  it('is good for five tries: the sixth fails with the right code too (SEC-15)', async () => {
    const ada = await Guarded.signUp(app);
    const [token, other] = [await ada.challenge(), await ada.challenge()];
    for (let tried = 1; tried <= 5; tried++) expect((await finish(token, ada.wrong)).status).toBe(401);

    expect((await finish(token, await ada.code())).body.code).toBe('invalid_mfa_code');
    expect((await finish(other, await ada.code())).status).toBe(200);
  });

  it('is good for five tries when twenty come at once (SEC-15)', async () => {
    const ada = await Guarded.signUp(app);
    const token = await ada.challenge();
    const right = await ada.code();
    const looked = jest.spyOn(app.app.get(SecondFactor, { strict: false }), 'use');
    await times(20, () => finish(token, ada.wrong));

    expect(looked).toHaveBeenCalledTimes(5);
    looked.mockRestore();
    expect((await finish(token, right)).body.code).toBe('invalid_mfa_code');
  });

  it('is over after five minutes, and then swept away', async () => {
    const ada = await Guarded.signUp(app);
    const token = await ada.challenge();
    const [{ life }] = await app.sql(
      'SELECT extract(epoch FROM expires_at - created_at)::int AS life FROM mfa_challenges WHERE user_id = $1',
      [ada.id],
    );
    // It ends by the clock of the process, and was made by that of the database.
    expect(Math.abs(life - 300)).toBeLessThan(60);
    await app.sql(`UPDATE mfa_challenges SET expires_at = now() - interval '1 second' WHERE user_id = $1`, [ada.id]);

    expect((await finish(token, await ada.code())).body.code).toBe('invalid_mfa_code');
    await app.app.get(Retention, { strict: false }).sweep();
    expect(await app.sql('SELECT 1 FROM mfa_challenges WHERE user_id = $1', [ada.id])).toEqual([]);
  });
});

describe('of one user', () => {
  it('ten codes are tried in a quarter of an hour, at however many logins and routes (SEC-15)', async () => {
    const strict = await startApp({ settings: { RATE_LIMIT_MFA: '10/15m' } });
    const ada = await Guarded.signUp(strict);
    const tokens = await times(4, () => ada.challenge(strict));
    const answers: Answer[] = [];
    for (const token of tokens.slice(0, 2)) {
      for (let tried = 1; tried <= 4; tried++) answers.push(await finish(token, ada.wrong, strict));
    }
    answers.push(await ada.client.post('/auth/reauth', { password: ada.client.password, code: ada.wrong }));
    const { status, headers, body } = await finish(tokens[2]!, await ada.code(), strict);

    expect(answers.map((answer) => answer.status)).toEqual(Array(9).fill(401));
    expect([status, body.code]).toEqual([429, 'rate_limited']);
    expect(headers.get('ratelimit-policy')).toBe('"mfa";q=10;w=900');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(800);
    expect((await (await Guarded.signUp(strict)).again(strict)).user.mfa_enabled).toBe(true);
    await strict.close();
  });
});
