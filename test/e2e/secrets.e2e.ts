import type { Socket } from 'node:net';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { succeed, type Account } from '../support/client.js';
import { exported } from '../support/exports.js';
import { newKey } from '../support/keys.js';
import { forms, leaksIn, monitor } from '../support/leaks.js';
import { linkTo, resetToken, settled, tokenOf } from '../support/links.js';
import { redisContents } from '../support/redis-contents.js';
import { Guarded, totpCode } from '../support/second-factor.js';

let app: TestApp;
let redis: Socket | undefined;
const told: Buffer[] = [];
/** All that opened something for somebody, by what it was. */
const secrets: Record<string, string> = {};

beforeAll(async () => {
  app = await startApp();
  if (app.settings.REDIS_URL) redis = await monitor(app.settings.REDIS_URL, (chunk) => told.push(chunk));
  await liveThrough(someAccount());
  await settled(app);
});
afterAll(() => redis?.destroy());

/** From the sign-up to the second factor: whatever a person can be given is given once. */
async function liveThrough(account: Account & { full_name: string }): Promise<void> {
  const { email } = account;
  succeed(await app.send('POST', '/users', { body: account }));
  secrets['verification'] = tokenOf(await linkTo(app, email, 'Welcome!'));
  succeed(await app.send('POST', '/auth/email/verify', { body: { token: secrets['verification'] } }));
  secrets['reset'] = await resetToken(app, email);
  secrets['password'] = 'another good long passphrase';
  const { reset: token, password } = secrets;
  succeed(await app.send('POST', '/auth/password/reset', { body: { token, password } }));
  const ada = await app.logIn({ email, password });
  secrets['access token'] = ada.token;
  secrets['api key'] = (await newKey(ada)).key;
  secrets['export'] = await exported(app, ada);
  const moved = someAccount().email;
  succeed(await ada.post('/auth/email/change', { email: moved, password }));
  secrets['change of address'] = tokenOf(await linkTo(app, moved, 'Verify your e-mail address'));
  const { refresh_token } = succeed(await app.send('POST', '/auth/login', { body: { email, password } }));
  secrets['refresh token'] = refresh_token;
  secrets['its successor'] = succeed(
    await app.send('POST', '/auth/refresh', { body: { refresh_token } }),
  ).refresh_token;
  await enrol(await Guarded.enrol(app, ada), { email, password });
  const invited = someAccount().email;
  succeed(await (await app.admin()).post('/invitations', { email: invited }));
  secrets['invitation'] = tokenOf(await linkTo(app, invited, 'You are invited'));
}

async function enrol({ secret, recovery_codes }: Guarded, login: Account): Promise<void> {
  secrets['secret of the second factor'] = secret;
  secrets['its code'] = `"${totpCode(secret)}"`;
  const [code = ''] = recovery_codes;
  recovery_codes.forEach((one, at) => (secrets[`recovery code ${at}`] = one));
  const { mfa_token } = succeed(await app.send('POST', '/auth/login', { body: login }));
  secrets['half a login'] = mfa_token;
  const opened = succeed(await app.send('POST', '/auth/login/mfa', { body: { mfa_token, code } }));
  secrets['refresh token after it'] = opened.refresh_token;
}

describe('of everything that opens something', () => {
  it('was seen by this test, and would be found', () => {
    expect(Object.values(secrets).every((secret) => secret.length >= 8)).toBe(true);
    expect(Object.keys(secrets).length).toBeGreaterThan(20);
    for (const form of forms(secrets['api key']!)) expect(leaksIn(`x${form}x`, secrets)).not.toEqual([]);
  });

  it('nothing stands in a row of any table, once the mails are sent', async () => {
    const tables = await app.sql<{ name: string }>(
      `SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
    );
    for (const { name } of tables) {
      const rows = await app.sql<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      expect(leaksIn(rows.map(({ row }) => row).join('\n'), secrets)).toEqual([]);
    }
    expect(tables.length).toBeGreaterThan(10);
  });

  it('nothing is in Redis, or was told it', async () => {
    expect(leaksIn((await redisContents(app)).join('\n'), secrets)).toEqual([]);
    expect(leaksIn(Buffer.concat(told).toString('latin1'), secrets)).toEqual([]);
    expect(told.length > 0).toBe(Boolean(redis));
  });

  it('nothing is in a line of the log', () => {
    expect(leaksIn(app.logs.join('\n'), secrets)).toEqual([]);
  });
});
