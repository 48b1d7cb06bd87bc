import { hash } from '@node-rs/argon2';
import { Passwords } from '../../src/users/passwords.js';
import { UsersRepository } from '../../src/users/users.repository.js';
import { insertUsers, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

const login = (email: string, password: string, headers = {}, at = app): Promise<Answer> =>
  at.request('POST', '/auth/login', { body: { email, password }, headers });

const PASSWORD = someAccount().password;

describe('POST /auth/login', () => {
  it('gives an access token and a refresh token, and says how long they are good for', async () => {
    const { email } = await app.signUp();
    const { status, headers, body } = await login(email, PASSWORD);

    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('set-cookie')).toBeNull();
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 1_800,
      refresh_token: expect.stringMatching(/^[\w-]{84}$/),
      refresh_expires_in: 7 * 24 * 60 * 60,
    });
    expect((await app.request('GET', '/users/me', { token: body.access_token })).body.email).toBe(email);
  });

  it('takes the address in any case', async () => {
    const { email } = await app.signUp();

    expect((await login(email.toUpperCase(), PASSWORD)).status).toBe(200);
  });

  it('opens a session of its own each time (SEC-23)', async () => {
    const { email } = await app.signUp();
    const [one, other] = await Promise.all([login(email, PASSWORD), login(email, PASSWORD)]);

    expect(one.body.access_token).not.toBe(other.body.access_token);
    const [user] = await app.users.find({ email });
    expect(await app.sql('SELECT 1 FROM sessions WHERE user_id = $1', [user!.id])).toHaveLength(3);
  });

  it('does not look at a credential that comes along: a client whose token is over must get in', async () => {
    const { email } = await app.signUp();

    expect((await login(email, PASSWORD, { authorization: 'Bearer rubbish' })).status).toBe(200);
    expect((await login(email, PASSWORD, { authorization: 'Basic YTpi' })).status).toBe(200);
  });

  it.each([
    ['email', { password: PASSWORD }, 'required'],
    ['email', { email: 'ada', password: PASSWORD }, 'email'],
    ['email', { email: { $ne: null }, password: PASSWORD }, 'type'],
    ['password', { email: 'ada@example.com' }, 'required'],
    ['password', { email: 'ada@example.com', password: '' }, 'min_length'],
    ['password', { email: 'ada@example.com', password: 'x'.repeat(129) }, 'max_length'],
    ['password', { email: 'ada@example.com', password: { $ne: null } }, 'type'],
    ['password', { email: 'ada@example.com', password: 'a\0b' }, 'text'],
    ['remember', { email: 'ada@example.com', password: PASSWORD, remember: true }, 'unknown_field'],
  ])('refuses a broken %s: %j', async (field, body, code) => {
    const answer = await app.request('POST', '/auth/login', { body });

    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([{ pointer: `#/${field}`, code }]);
  });
});

describe('a login that fails', () => {
  /** All of an answer that an eye on the wire could tell apart. */
  const seen = ({ status, headers, text, body }: Answer) => ({
    status,
    headers: [...headers]
      .filter(([name]) => name !== 'date')
      .map(([name, value]) => (/^(x-request-id|ratelimit)$/.test(name) ? name : `${name}: ${value}`)),
    text: text.replace(body.request_id, ''),
  });

  const failing = async (): Promise<[what: string, email: string, password: string][]> => {
    const closed = await newTenant(app);
    const [wrong, disabled, shut] = await insertUsers(app, [{}, { status: 'disabled' }, { tenant_id: closed }]);
    await app.sql(`UPDATE tenants SET status = 'disabled' WHERE id = $1`, [closed]);
    return [
      ['unknown', someAccount().email, PASSWORD],
      ['wrong', wrong!.email, 'not the right one'],
      ['disabled', disabled!.email, PASSWORD],
      ['of a disabled tenant', shut!.email, PASSWORD],
    ];
  };

  it('says the same of an account that is unknown, wrong, disabled or of a disabled tenant (SEC-26)', async () => {
    const [first, ...others] = await failing();
    const unknown = await login(first![1], first![2]);

    expect(unknown.status).toBe(401);
    expect(unknown.headers.get('www-authenticate')).toBe('Bearer');
    expect(unknown.body).toMatchObject({
      code: 'invalid_credentials',
      detail: 'Invalid authentication credentials',
      instance: '/api/v1/auth/login',
    });
    for (const [what, email, password] of others) {
      expect({ what, ...seen(await login(email, password)) }).toEqual({ what, ...seen(unknown) });
    }
  });

  it('does the same work for all of them (SEC-27)', async () => {
    const work = jest.spyOn(app.app.get(Passwords), 'verify');
    for (const [, email, password] of await failing()) await login(email, password);

    expect(work).toHaveBeenCalledTimes(4);
    work.mockRestore();
  });

  it('because the account never stood still is no wrong guess: 503, and nothing of it is counted or in the trail', async () => {
    const own = await startApp({ database: 'own' });
    const [user] = await insertUsers(own, [{}]);
    const held = jest.spyOn(own.app.get(UsersRepository), 'holdVersion').mockResolvedValue(false);
    const { status, body } = await login(user!.email, PASSWORD, {}, own);
    held.mockRestore();

    expect([status, body.code]).toEqual([503, 'unavailable']);
    expect(await own.sql('SELECT action FROM audit_events WHERE subject_id = $1', [user!.id])).toEqual([]);
    expect(await own.sql('SELECT 1 FROM login_counters WHERE cardinality(failures) > 0')).toEqual([]);
    await own.close();
  });

  it('opens no session', async () => {
    const count = async () => (await app.sql('SELECT count(*)::int FROM sessions'))[0].count as number;
    const before = await count();
    for (const [, email, password] of await failing()) await login(email, password);

    expect(await count()).toBe(before);
  });

  it('keeps the password out of the log', async () => {
    const [{ email } = someAccount()] = await insertUsers(app, [{}]);
    await login(email, 'canary-in-the-log');

    expect(app.logs.join('\n')).not.toContain('canary-in-the-log');
  });
});

describe('REQUIRE_EMAIL_VERIFICATION', () => {
  let strict: TestApp;
  beforeAll(async () => (strict = await startApp({ settings: { REQUIRE_EMAIL_VERIFICATION: '1' } })));

  it('answers 403 to the right password of an unverified account, and nothing special to a wrong one', async () => {
    const [user] = await insertUsers(strict, [{}]);
    const { status, body } = await login(user!.email, PASSWORD, {}, strict);

    expect(status).toBe(403);
    expect(body.code).toBe('email_not_verified');
    expect((await login(user!.email, 'wrong', {}, strict)).body.code).toBe('invalid_credentials');
  });

  it('lets a verified account in', async () => {
    const [user] = await insertUsers(strict, [{ email_verified: true }]);

    expect((await login(user!.email, PASSWORD, {}, strict)).status).toBe(200);
  });

  it('says of a disabled one that the credentials are wrong', async () => {
    const [user] = await insertUsers(strict, [{ status: 'disabled' }]);

    expect((await login(user!.email, PASSWORD, {}, strict)).body.code).toBe('invalid_credentials');
  });

  it('says the same of one whose tenant is disabled, and of neither that its password was right', async () => {
    const tenant_id = await newTenant(strict);
    const [user] = await insertUsers(strict, [{ tenant_id }]);
    await strict.sql(`UPDATE tenants SET status = 'disabled' WHERE id = $1`, [tenant_id]);

    expect((await login(user!.email, PASSWORD, {}, strict)).body).toMatchObject({
      status: 401,
      code: 'invalid_credentials',
    });
  });

  it('leaves no session behind, and nothing in the trail, where it bars', async () => {
    const [user] = await insertUsers(strict, [{}]);
    expect((await login(user!.email, PASSWORD, {}, strict)).status).toBe(403);

    expect(await strict.sql('SELECT id FROM sessions WHERE user_id = $1', [user!.id])).toEqual([]);
    expect(await strict.sql('SELECT action FROM audit_events WHERE subject_id = $1', [user!.id])).toEqual([]);
  });
});

describe('a password', () => {
  it.each([
    ['100 characters', `${'x'.repeat(99)}a`, `${'x'.repeat(99)}b`],
    ['spaces', 'correct horse battery staple', 'correct  horse battery staple'],
    ['a space before it', ' leading space', 'leading space'],
    ['a space after it', 'trailing space ', 'trailing space'],
    ['another alphabet', 'пароль из слов', 'Пароль из слов'],
    ['emoji', '😀'.repeat(8), '😀'.repeat(9)],
  ])(
    'of %s counts to its last character, and nothing is trimmed or folded (SEC-03, SEC-04)',
    async (_, password, other) => {
      const { email } = await app.signUp({ password });

      expect((await login(email, password)).status).toBe(200);
      expect((await login(email, other)).status).toBe(401);
    },
  );

  it('is the same from a keyboard that composes letters otherwise (SEC-04)', async () => {
    const { email } = await app.signUp({ password: 'Crème brûlée'.normalize('NFC') });

    expect((await login(email, 'Crème brûlée'.normalize('NFD'))).status).toBe(200);
  });
});

describe('a hash of another cost', () => {
  const outdated = async () => {
    const [user] = await insertUsers(app, [
      { password_hash: await hash(PASSWORD, { memoryCost: 8_192, timeCost: 1, parallelism: 1 }) },
    ]);
    return user!;
  };
  const hashOf = async (id: string): Promise<string> => (await app.users.find({ id }))[0]!.password_hash;

  it('is made anew by the next login, and only by one that succeeds (SEC-01)', async () => {
    const { id, email } = await outdated();

    await login(email, 'wrong');
    expect(await hashOf(id)).toMatch(/m=8192/);

    expect((await login(email, PASSWORD)).status).toBe(200);
    expect(await hashOf(id)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect((await login(email, PASSWORD)).status).toBe(200);
  });

  it('does not get in the way of logins at the same time', async () => {
    const { email } = await outdated();
    const answers = await Promise.all(Array.from({ length: 4 }, () => login(email, PASSWORD)));

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });
});
