import { Retention } from '../../src/database/retention/retention.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import type { Account, Answer } from '../support/client.js';
import type { TestSettings } from '../support/stage.js';
import { BEHIND_GATEWAY, PATIENT, someAddress, times } from '../support/visitors.js';

const SETTINGS: TestSettings = {
  ...BEHIND_GATEWAY,
  RATE_LIMIT_LOGIN: '3/1h',
  RATE_LIMIT_LOGIN_ACCOUNT: '4/1h',
  RATE_LIMIT_LOGIN_ADDRESS: '6/1h',
};

/** Many that come at once wait for each other, at one row, and for connections. */
const timings = { ...PATIENT, pool_wait_ms: 60_000, statement_ms: 60_000, request_ms: 120_000 };

let app: TestApp;
beforeAll(async () => (app = await startApp({ settings: SETTINGS, timings })));

/** An account that nobody has signed in to. */
async function newAccount(on = app): Promise<Account> {
  const account = someAccount();
  expect((await on.send('POST', '/users', { body: account })).status).toBe(201);
  return account;
}

const logIn = (account: Account, address = someAddress(), on = app): Promise<Answer> =>
  on.send('POST', '/auth/login', {
    body: { email: account.email, password: account.password },
    headers: { 'x-forwarded-for': address },
  });

const guess = (account: Pick<Account, 'email'>, address?: string, on?: TestApp): Promise<Answer> =>
  logIn({ email: account.email, password: 'wrong' }, address, on);

async function statuses(count: number, attempt: () => Promise<Answer>): Promise<number[]> {
  const seen = [];
  for (let made = 0; made < count; made++) seen.push((await attempt()).status);
  return seen;
}

describe('an account and an address together', () => {
  it('have so many attempts, right or wrong', async () => {
    const [account, address] = [await newAccount(), someAddress()];

    expect(await statuses(3, () => logIn(account, address))).toEqual([200, 200, 200]);
    const { status, headers, body } = await logIn(account, address);
    expect([status, body.code]).toEqual([429, 'rate_limited']);
    expect(headers.get('ratelimit-policy')).toBe('"login";q=3;w=3600');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(3_000);
    expect((await logIn(account)).status).toBe(200);
  });

  it('are the same however the account is written', async () => {
    const [{ email, password }, address] = [await newAccount(), someAddress()];
    await statuses(3, () => logIn({ email, password }, address));

    expect((await logIn({ email: email.toUpperCase(), password }, address)).status).toBe(429);
  });
});

describe('an address', () => {
  it('has so many attempts at all accounts together', async () => {
    const address = someAddress();

    expect(await statuses(6, () => guess(someAccount(), address))).toEqual(Array(6).fill(401));
    const { status, headers } = await guess(someAccount(), address);
    expect([status, headers.get('ratelimit-policy')]).toEqual([429, '"login-address";q=6;w=3600']);
  });
});

describe('an account', () => {
  it.each<[string, () => Promise<Account>]>([
    ['with the right password', newAccount],
    ['that does not exist', async () => someAccount()],
  ])('is barred after so many failures, wherever they come from: %s', async (_, make) => {
    const account = await make();

    expect(await statuses(4, () => guess(account))).toEqual([401, 401, 401, 401]);
    const { status, headers, body } = await logIn(account);
    expect([status, body.code]).toEqual([429, 'rate_limited']);
    expect(headers.get('ratelimit-policy')).toBe('"login-account";q=4;w=3600');
    expect(headers.get('ratelimit')).toBe(`"login-account";r=0;t=${headers.get('retry-after')}`);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(3_000);
  });

  it('compares no more passwords than that when two hundred come at once (SEC-09)', async () => {
    const account = await newAccount();
    const answers = await times(200, () => guess(account));

    expect(answers.filter(({ status }) => status === 401)).toHaveLength(4);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(196);
  });

  it('stays open to where its owner has signed in (SEC-10)', async () => {
    const [account, home] = [await newAccount(), someAddress()];
    expect((await logIn(account, home)).status).toBe(200);
    await statuses(5, () => guess(account));

    expect((await guess(account, home)).status).toBe(401);
    expect((await logIn(account)).status).toBe(429);
    expect((await logIn(account, home)).status).toBe(200);
  });

  it('does not stay open to where somebody else has signed in', async () => {
    const [account, other, address] = [await newAccount(), await newAccount(), someAddress()];
    await logIn(other, address);
    await statuses(4, () => guess(account));

    expect((await logIn(account, address)).status).toBe(429);
  });

  it('does not stay open to where its owner was a month ago', async () => {
    const [account, home] = [await newAccount(), someAddress()];
    await logIn(account, home);
    await app.sql(`UPDATE known_addresses SET seen_at = seen_at - interval '31 days'`);
    await statuses(4, () => guess(account));

    expect((await logIn(account, home)).status).toBe(429);
  });

  it('has its failures forgiven by a success', async () => {
    const account = await newAccount();
    await statuses(3, () => guess(account));
    expect((await logIn(account)).status).toBe(200);

    expect(await statuses(5, () => guess(account))).toEqual([401, 401, 401, 401, 429]);
  });

  it('is open again when the oldest of its failures is a window old', async () => {
    const account = await newAccount();
    const age = (by: string): Promise<unknown> =>
      app.sql(`UPDATE login_counters SET failures = ARRAY(SELECT at - $1::interval FROM unnest(failures) AS at)`, [by]);
    await guess(account);
    await age('30 minutes');
    await statuses(3, () => guess(account));

    await age('29 minutes');
    const { status, headers } = await guess(account);
    expect([status, headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^([1-9]|[1-5]\d|60)$/)]);
    await age('1 minute');
    expect(await statuses(2, () => guess(account))).toEqual([401, 429]);
  });

  it('is as new to whoever gets its address next', async () => {
    const admin = await app.admin();
    const [account, home] = [await app.signUp(), someAddress()];
    await logIn(account, home);
    await statuses(2, () => guess(account));
    expect((await admin.delete(`/users/${account.user.id}`)).status).toBe(204);
    expect((await app.send('POST', '/users', { body: { ...someAccount(), email: account.email } })).status).toBe(201);

    expect(await statuses(4, () => guess(account))).toEqual([401, 401, 401, 401]);
    expect((await guess(account, home)).status).toBe(429);
  });
});

describe('an attempt that is neither right nor wrong', () => {
  it('counts for nothing against the account', async () => {
    const strict = await startApp({ settings: { ...SETTINGS, REQUIRE_EMAIL_VERIFICATION: '1' }, timings });
    const account = await newAccount(strict);

    expect(await statuses(6, () => logIn(account, undefined, strict))).toEqual(Array(6).fill(403));
    expect((await guess(account, undefined, strict)).status).toBe(401);
    await strict.close();
  });
});

describe('what is remembered of attempts', () => {
  it('names neither accounts nor addresses', async () => {
    const [account, home] = [await newAccount(), someAddress()];
    await logIn(account, home);
    await guess(account);
    const rows = JSON.stringify([
      await app.sql('SELECT * FROM login_counters'),
      await app.sql('SELECT * FROM known_addresses'),
    ]);

    expect(rows).toMatch(/"account":"[\w-]{22}"/);
    expect(rows).toMatch(/"address":"[\w-]{22}"/);
    for (const name of [account.email, account.email.split('@')[0], home]) expect(rows).not.toContain(name);
  });

  it('goes when it no longer counts', async () => {
    const account = await newAccount();
    await logIn(account);
    await guess(account);
    await app.sql(`UPDATE login_counters SET expires_at = now() - interval '1 second'`);
    await app.sql(`UPDATE known_addresses SET seen_at = now() - interval '31 days'`);
    const other = await newAccount();
    await guess(other);
    const worker = await startApp({ settings: { PROCESS_ROLE: 'worker' } });
    await worker.app.get(Retention).sweep();
    await worker.close();

    expect(await app.sql('SELECT count(*)::int FROM login_counters')).toEqual([{ count: 1 }]);
    expect(await app.sql('SELECT count(*)::int FROM known_addresses')).toEqual([{ count: 0 }]);
  });

  it('is still known when the key has changed', async () => {
    const [account, home] = [await newAccount(), someAddress()];
    await logIn(account, home);
    const { SECRET_KEY } = app.settings;
    const ring = [...SECRET_KEY].map(([kid, secret]) => `${kid}:${secret}`);
    const rotated = await startApp({
      settings: { ...SETTINGS, SECRET_KEY: [`2:${'fresh-'.repeat(4)}0123456789abcdef`, ...ring].join() },
      timings,
    });
    await statuses(4, () => guess(account, undefined, rotated));

    expect((await logIn(account, undefined, rotated)).status).toBe(429);
    expect((await logIn(account, home, rotated)).status).toBe(200);
    await rotated.close();
  });
});
