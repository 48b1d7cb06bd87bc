import { SealedData } from '../../src/database/sealing/sealed-data.js';
import { rowsHolding } from '../support/accounts.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer } from '../support/client.js';
import { operations } from '../support/document.js';
import { eventually } from '../support/eventually.js';
import { fromBase32, Guarded } from '../support/second-factor.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

const finish = (mfa_token: string, code: string, at = app): Promise<Answer> =>
  at.send('POST', '/auth/login/mfa', { body: { mfa_token, code } });

/** Everything about one login that nobody else may know, as it might be written down. */
async function secretsOf(ada: Guarded): Promise<string[]> {
  const mfa_token = await ada.challenge();
  const plain = ada.recovery_codes.map((code) => code.replaceAll('-', ''));
  const bytes = [fromBase32(ada.secret), ...plain.map(fromBase32), Buffer.from(mfa_token, 'base64url')];
  const texts = [ada.secret, mfa_token, ...ada.recovery_codes, ...plain];
  const encoded = [...bytes, ...texts.map((text) => Buffer.from(text))].flatMap((value) => [
    value.toString('hex'),
    value.toString('base64url'),
    value.toString('base64').replaceAll('=', ''),
  ]);
  return [...texts, ...texts.map((text) => text.toLowerCase()), ...encoded];
}

describe('secret, recovery codes and the token of a login', () => {
  it('stand in no row of any table (SEC-14, SEC-62)', async () => {
    const ada = await Guarded.signUp(app);
    const secrets = await secretsOf(ada);
    await finish(await ada.challenge(), ada.recovery_codes[0]!);
    await ada.client.post('/auth/mfa/totp/disable', { password: ada.client.password, code: ada.wrong });

    expect(await rowsHolding(app, secrets)).toEqual([]);
    expect(await rowsHolding(app, [ada.id])).not.toEqual([]);
  });

  it('stand in no line of the log, and in no address (SEC-61)', async () => {
    const ada = await Guarded.signUp(app);
    const secrets = await secretsOf(ada);
    const token = await ada.challenge();
    await finish(token, ada.recovery_codes[0]!);
    await finish(token, ada.recovery_codes[0]!);
    await app.send('POST', '/auth/login/mfa', { body: { mfa_token: token, code: ada.secret, secret: ada.secret } });
    await eventually(() => app.logs.filter((line) => line.includes('"route":"/api/v1/auth/login/mfa"')).length >= 3);
    const log = app.logs.join('\n');

    expect([...secrets, token].filter((secret) => log.includes(secret))).toEqual([]);
    // The books have codes of their own, which are no secret: those of accounts.
    const open = operations.filter(({ path }) => !path.startsWith('/api/v1/ledger/accounts/{code}'));
    const inAddress = open.flatMap(({ parameters }) =>
      parameters.filter((one) => one.in !== 'header').map(({ name }) => name),
    );
    expect(inAddress.filter((name) => /token|code|secret|password|key/i.test(name))).toEqual([]);
  });
});

describe('the secret of an authenticator app', () => {
  const tamper = (ada: Guarded, at: number) =>
    app.sql('UPDATE totp_factors SET secret = set_byte(secret, $2, get_byte(secret, $2) # 1) WHERE user_id = $1', [
      ada.id,
      at,
    ]);

  it.each([
    ['nonce', 0],
    ['tag', 12],
    ['ciphertext', 28],
    ['last byte', 47],
  ])('with another %s opens nothing, and fails as a wrong code does (SEC-62)', async (_, at) => {
    const ada = await Guarded.signUp(app);
    await tamper(ada, at);
    const { status, body } = await finish(await ada.challenge(), await ada.code());

    expect([status, body.code]).toEqual([401, 'invalid_mfa_code']);
    expect(app.logs.join('\n')).toMatch(/The secret of the second factor [0-9a-f-]{36} cannot be read/);
    expect((await finish(await ada.challenge(), ada.recovery_codes[0]!)).status).toBe(200);
  });

  it('opens in its own row alone (SEC-62)', async () => {
    const [ada, eve] = [await Guarded.signUp(app), await Guarded.signUp(app)];
    await app.sql(
      `UPDATE totp_factors SET (secret, key_id) = (SELECT secret, key_id FROM totp_factors WHERE user_id = $2)
       WHERE user_id = $1`,
      [ada.id, eve.id],
    );
    await app.sql('UPDATE totp_factors SET last_step = 0');

    expect((await finish(await ada.challenge(), await eve.code())).body.code).toBe('invalid_mfa_code');
  });

  it('is cut short and fails all the same (SEC-62)', async () => {
    const ada = await Guarded.signUp(app);
    await app.sql(`UPDATE totp_factors SET secret = '\\x00' WHERE user_id = $1`, [ada.id]);

    expect((await finish(await ada.challenge(), await ada.code())).body.code).toBe('invalid_mfa_code');
  });

  it('is sealed anew under the first key of a rotated ring, and the codes go on (SEC-62)', async () => {
    const first = await startApp({ database: 'own' });
    const ada = await Guarded.signUp(first);
    const old = `1:${first.settings.SECRET_KEY.get('1')}`;
    const { POSTGRES_URL, POSTGRES_OWNER_URL, MONGODB_URL = '' } = first.settings;
    const SECRET_KEY = `2:${'fresh-'.repeat(4)}0123456789abcdef,${old}`;
    const rotated = await startApp({ settings: { POSTGRES_URL, POSTGRES_OWNER_URL, MONGODB_URL, SECRET_KEY } });
    const kept = async () =>
      (await first.sql('SELECT key_id, secret FROM totp_factors WHERE user_id = $1', [ada.id]))[0];
    const before = await kept();

    expect(before.key_id).toBe('1');
    expect((await ada.again(rotated)).user.id).toBe(ada.id);
    const resealed = await rotated.app.get(SealedData, { strict: false }).reseal();
    expect(resealed).toMatchObject({ totp_factors: expect.any(Number) });
    expect(resealed['totp_factors']).toBeGreaterThan(0);
    const after = await kept();
    expect(after.key_id).toBe('2');
    expect(after.secret).not.toEqual(before.secret);
    expect((await ada.again(rotated)).user.id).toBe(ada.id);
    await rotated.close();
  });
});
