import { Retention } from '../../src/database/retention/retention.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Answer, Client, Send } from '../support/client.js';
import { conforming } from '../support/conformance.js';
import { challengeOf, Guarded, totpCode, verify, wrongCode } from '../support/second-factor.js';
import { times } from '../support/visitors.js';

let app: TestApp;
let platform: Client;
beforeAll(async () => {
  app = await startApp({ timings: { hash_wait_ms: 60_000 } });
  Object.assign(app, { send: conforming(app.send) satisfies Send });
  platform = await app.admin();
});

async function verified(): Promise<Client> {
  const ada = await app.signUp();
  await verify(app, ada);
  return ada;
}

const begin = async (ada: Client): Promise<string> =>
  (await ada.post('/auth/mfa/totp', { password: ada.password })).body.secret;
const confirm = (ada: Client, code: string): Promise<Answer> => ada.post('/auth/mfa/totp/confirm', { code });
const isOn = async ({ user }: Pick<Client, 'user'>): Promise<boolean> =>
  (await platform.get(`/users/${user.id}`)).body.mfa_enabled;
const events = (user_id: string): Promise<string[]> =>
  app
    .sql(
      `SELECT concat_ws(' ', action, outcome, reason) AS event FROM audit_events
       WHERE subject_id = $1 AND action NOT IN ('user_created', 'authz_change') ORDER BY at, id`,
      [user_id],
    )
    .then((rows) => rows.map(({ event }) => event));
const codesOf = (answers: Answer[]) => answers.map(({ status, body }) => body?.code ?? status).toSorted();

describe('POST /auth/mfa/totp', () => {
  it('hands out a secret, and changes nothing before it is confirmed', async () => {
    const ada = await verified();
    const { status, body, headers } = await ada.post('/auth/mfa/totp', { password: ada.password });

    expect(status).toBe(201);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
      otpauth_url: expect.stringContaining(`secret=${body.secret}&algorithm=SHA1&digits=6&period=30`),
    });
    expect(body.otpauth_url).toContain(`:${encodeURIComponent(ada.email)}?issuer=`);
    expect(await isOn(ada)).toBe(false);
    expect((await ada.again()).user.mfa_enabled).toBe(false);
    expect(await events(ada.user.id)).not.toContain('mfa_enabled success');
  });

  it('wants a verified address', async () => {
    const ada = await app.signUp();
    const { status, body } = await ada.post('/auth/mfa/totp', { password: ada.password });

    expect([status, body.code]).toEqual([403, 'email_not_verified']);
  });

  it('wants the password', async () => {
    const ada = await verified();
    const { status, body } = await ada.post('/auth/mfa/totp', { password: 'wrong' });

    expect([status, body.code]).toEqual([401, 'invalid_credentials']);
    expect((await events(ada.user.id)).at(-1)).toBe('authn_login_fail failure invalid_credentials');
  });

  it('is 409 where there is a second factor already', async () => {
    const { client } = await Guarded.signUp(app);
    const { status, body } = await client.post('/auth/mfa/totp', { password: client.password });

    expect([status, body.code]).toEqual([409, 'mfa_already_enabled']);
  });

  it('voids the secret before, if nobody confirmed it', async () => {
    const ada = await verified();
    const [first, second] = [await begin(ada), await begin(ada)];

    expect((await confirm(ada, totpCode(first))).body.code).toBe('invalid_mfa_code');
    expect((await confirm(ada, totpCode(second))).status).toBe(200);
  });

  it('keeps one secret when many ask at once', async () => {
    const ada = await verified();
    const secrets = await Promise.all([1, 2, 3, 4, 5].map(() => begin(ada)));

    expect(new Set(secrets).size).toBe(5);
    expect(await app.sql('SELECT 1 FROM totp_factors WHERE user_id = $1', [ada.user.id])).toHaveLength(1);
    const answers = await times(5, (at) => confirm(ada, totpCode(secrets[at]!)));
    expect(codesOf(answers)).toEqual([200, ...Array(4).fill('invalid_mfa_code')]);
  });
});

describe('POST /auth/mfa/totp/confirm', () => {
  it('turns the second factor on: ten recovery codes, a mail, one event, and no other session goes on', async () => {
    const ada = await verified();
    const other = await ada.again();
    const { status, body } = await confirm(ada, totpCode(await begin(ada)));

    expect(status).toBe(200);
    expect(body.recovery_codes).toHaveLength(10);
    expect((await ada.get('/users/me')).body.mfa_enabled).toBe(true);
    expect((await other.get('/users/me')).body.code).toBe('invalid_token');
    expect((await app.mail(ada.email, 'Two-step sign-in was turned on')).text).toContain('authenticator app');
    expect((await events(ada.user.id)).at(-1)).toBe('mfa_enabled success');
  });

  it('changes nothing by a wrong code', async () => {
    const ada = await verified();
    const secret = await begin(ada);
    const { status, body } = await confirm(ada, wrongCode(secret));

    expect([status, body.code]).toEqual([401, 'invalid_mfa_code']);
    expect(await isOn(ada)).toBe(false);
    expect((await events(ada.user.id)).at(-1)).toBe('authn_login_fail failure invalid_mfa_code');
  });

  it('wants a secret that was handed out, and not long ago', async () => {
    const ada = await verified();
    expect((await confirm(ada, '123456')).body.code).toBe('invalid_mfa_code');
    const secret = await begin(ada);
    await app.sql(`UPDATE totp_factors SET expires_at = now() - interval '1 second' WHERE user_id = $1`, [ada.user.id]);

    expect((await confirm(ada, totpCode(secret))).body.code).toBe('invalid_mfa_code');
    await app.app.get(Retention, { strict: false }).sweep();
    expect(await app.sql('SELECT 1 FROM totp_factors WHERE user_id = $1', [ada.user.id])).toEqual([]);
  });

  it('does not take a secret that was handed out at another address', async () => {
    const ada = await verified();
    const secret = await begin(ada);
    const email = someAccount().email;
    await platform.patch(`/users/${ada.user.id}`, { email });
    const moved = await app.logIn({ email, password: ada.password });

    expect((await confirm(moved, totpCode(secret))).body.code).toBe('invalid_mfa_code');
  });

  it('happens once when the same code comes twenty times at once (SEC-13)', async () => {
    const ada = await verified();
    const code = totpCode(await begin(ada));
    const answers = await times(20, () => confirm(ada, code));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status } of answers) expect([200, 401, 409]).toContain(status);
    expect((await events(ada.user.id)).filter((event) => event === 'mfa_enabled success')).toHaveLength(1);
    expect(await app.sql('SELECT 1 FROM recovery_codes WHERE user_id = $1', [ada.user.id])).toHaveLength(10);
  });

  it('uses the code up: it does not open the next login (SEC-13)', async () => {
    const ada = await verified();
    const code = totpCode(await begin(ada));
    await confirm(ada, code);
    const body = { mfa_token: await challengeOf(app, ada), code };

    expect((await app.send('POST', '/auth/login/mfa', { body })).body.code).toBe('invalid_mfa_code');
  });
});

describe('POST /auth/mfa/totp/disable', () => {
  const disable = ({ client }: Guarded, code: string, password = client.password): Promise<Answer> =>
    client.post('/auth/mfa/totp/disable', { password, code });

  it('turns the second factor off: a mail, one event, no other session, and the password alone lets in', async () => {
    const ada = await Guarded.signUp(app);
    const other = await ada.again();

    expect(await disable(ada, await ada.code())).toMatchObject({ status: 204, text: '' });
    expect((await ada.client.get('/users/me')).body.mfa_enabled).toBe(false);
    expect((await other.get('/users/me')).body.code).toBe('invalid_token');
    await app.mail(ada.client.email, 'Two-step sign-in was turned off');
    expect((await events(ada.id)).at(-1)).toBe('mfa_disabled success');
    expect((await ada.client.again()).user.mfa_enabled).toBe(false);
    expect(await rowsOf(ada)).toEqual({ totp_factors: 0, recovery_codes: 0 });
  });

  it('takes a recovery code too', async () => {
    const ada = await Guarded.signUp(app);

    expect((await disable(ada, ada.recovery_codes[0]!)).status).toBe(204);
  });

  it('wants both: the password first, and then the code', async () => {
    const ada = await Guarded.signUp(app);
    const code = await ada.code();

    expect((await disable(ada, code, 'wrong')).body.code).toBe('invalid_credentials');
    expect((await disable(ada, ada.wrong)).body.code).toBe('invalid_mfa_code');
    expect((await disable(ada, code)).status).toBe(204);
    expect((await disable(ada, await ada.code())).body.code).toBe('invalid_mfa_code');
  });

  it('makes room for another app', async () => {
    const ada = await Guarded.signUp(app);
    await disable(ada, await ada.code());
    const again = await Guarded.enrol(app, ada.client);

    expect(again.secret).not.toBe(ada.secret);
    expect((await again.again()).user.mfa_enabled).toBe(true);
  });
});

const rowsOf = async ({ id }: Guarded): Promise<unknown> => {
  const [counts] = await app.sql(
    `SELECT (SELECT count(*)::int FROM totp_factors WHERE user_id = $1) AS totp_factors,
            (SELECT count(*)::int FROM recovery_codes WHERE user_id = $1) AS recovery_codes`,
    [id],
  );
  return counts;
};

describe('POST /auth/mfa/recovery-codes', () => {
  const renew = async ({ client }: Guarded, code: string): Promise<Answer> =>
    client.post('/auth/mfa/recovery-codes', { password: client.password, code });

  it('makes ten new ones, and the old ones are void (SEC-14)', async () => {
    const ada = await Guarded.signUp(app);
    const { status, body } = await renew(ada, await ada.code());

    expect(status).toBe(200);
    expect(new Set([...ada.recovery_codes, ...body.recovery_codes]).size).toBe(20);
    expect((await events(ada.id)).at(-1)).toBe('mfa_recovery_codes_renewed success');
    expect((await renew(ada, ada.recovery_codes[1]!)).body.code).toBe('invalid_mfa_code');
    expect((await renew(ada, body.recovery_codes[0])).status).toBe(200);
  });

  it('leaves ten, however many ask at once', async () => {
    const ada = await Guarded.signUp(app);
    const answers = await times(5, (at) => renew(ada, ada.recovery_codes[at]!));

    expect(answers.some(({ status }) => status === 200)).toBe(true);
    for (const { status } of answers) expect([200, 401]).toContain(status);
    expect(await rowsOf(ada)).toMatchObject({ recovery_codes: 10 });
  });

  it('is no use without a second factor', async () => {
    const ada = await verified();
    const { status, body } = await ada.post('/auth/mfa/recovery-codes', { password: ada.password, code: '123456' });

    expect([status, body.code]).toEqual([401, 'invalid_mfa_code']);
  });
});
