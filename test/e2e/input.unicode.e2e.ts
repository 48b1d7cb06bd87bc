import { insertUsers } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';
import { signIn, type Actor } from '../support/cast.js';
import type { Answer } from '../support/client.js';
import { document, followed, operations, type Operation } from '../support/document.js';
import { exampleOf, pathTo, thingOf } from '../support/things.js';

jest.setTimeout(120_000);

/** An error says what is wrong and no more, however much is. */
const LONGEST_ERROR = 4 * 1024;

let app: TestApp;
beforeAll(async () => (app = await startApp()));

describe('a body that is large in another way than in bytes (R11)', () => {
  it.each([
    ['10 levels', '['.repeat(10) + ']'.repeat(10), 422],
    ['50,000 levels', '['.repeat(50_000) + ']'.repeat(50_000), 400],
    ['50,000 levels of objects that never end', '{"a":'.repeat(20_000), 400],
    [
      '5,000 fields that nobody knows',
      JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`field_${n}`, n]))),
      400,
    ],
    ['a list of 50,000', JSON.stringify(Array.from({ length: 50_000 }, () => 1)), 400],
    [
      'a field that is a list of 40,000',
      JSON.stringify({ ...someAccount(), full_name: Array.from({ length: 40_000 }, () => 1) }),
      400,
    ],
  ])('is refused in few words: %s', async (_, body, status) => {
    const answer = await app.request('POST', '/users', { body });
    expect(answer.status).toBe(status);
    expect(answer.text.length).toBeLessThanOrEqual(LONGEST_ERROR);
  });
});

describe('a text that people write (R12)', () => {
  it.each([
    ['composed letters', 'Zoë Ångström'],
    ['letters with marks of their own', 'Zoe\u0308 A\u030angstro\u0308m'],
    ['from right to left', 'שלום עליכם السلام'],
    ['marks of direction', 'Ada \u202eecalevoL\u202c'],
    ['what has no width', 'Ada\u200b\u200dLove\u2060lace'],
    ['four bytes a letter', '𝒜𝒹𝒶 🏳️‍🌈 👩🏽‍💻 𠜎'],
    ['variants of a sign', '葛\u{E0100} ☺\uFE0E'],
    ['Turkish', 'İstanbul ılık Iğdır'],
    ['100 letters of two units each', '🜁'.repeat(100)],
    ['letters under a heap of marks', `Z${'\u0301\u0323'.repeat(40)}`],
  ])('comes back as it was given: %s', async (_, full_name) => {
    const ada = await app.signUp({ full_name });
    expect(ada.user.full_name).toBe(full_name);
    const admin = await app.admin();
    expect((await admin.get(`/users/${ada.user.id}`)).body.full_name).toBe(full_name);
    const asked = await admin.get(`/users?q=${encodeURIComponent(full_name)}`);
    expect(asked.status === 200 || asked.status === 422).toBe(true);
  });

  it('is found by another case of its letters, and an address in another case is the same', async () => {
    const account = { ...someAccount() };
    await app.signUp(account);
    const again = await app.request('POST', '/users', { body: { ...account, email: account.email.toUpperCase() } });
    expect([again.status, again.body.code]).toEqual([409, 'email_taken']);
  });

  it('may be an address of 254 characters, and none of 255', async () => {
    const long = (length: number) => {
      const domain = `${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(55)}.com`;
      return `${'a'.repeat(64)}@${domain}`.padEnd(length, 'm').slice(0, length);
    };
    const statuses = [];
    for (const length of [254, 255]) {
      statuses.push((await app.request('POST', '/users', { body: { ...someAccount(), email: long(length) } })).status);
    }
    expect(statuses).toEqual([201, 422]);
  });
});

describe('U+0000 (R13)', () => {
  let admin: Actor;
  beforeAll(async () => {
    const [user] = await insertUsers(app, [{ role: 'platform_admin', email_verified: true }]);
    [admin] = (await signIn(app, [user!])) as [Actor];
  });

  const named = (some: readonly Operation[]) => some.map((one) => [`${one.method} ${one.path}`, one] as const);
  const isRefused = ({ status, body }: Answer) => {
    expect([400, 422]).toContain(status);
    expect(body.code).toEqual(expect.any(String));
  };
  const ask = async (operation: Operation, path: string, body = exampleOf(operation).body) =>
    app.request(operation.method, `~${path}`, { ...exampleOf(operation), body, token: admin.token });
  const fill = async ({ path }: Operation) => pathTo(path, await thingOf(app, path, admin));

  /** The fields of a body that are texts. */
  const textsOf = ({ requestBody }: Operation): string[] => {
    const schema = requestBody?.content['application/json']?.schema;
    const all = Object.entries(schema ? (followed(schema).properties ?? {}) : {});
    return all.filter(([, one]) => [followed(one).type].flat().includes('string')).map(([name]) => name);
  };
  const withTexts = operations.filter((one) => textsOf(one).length > 0 && !one.path.includes('/webhooks/'));
  const withQuery = operations.filter(({ parameters }) => parameters.some((one) => one.in === 'query'));

  it.each(named(withTexts))('is refused in every text of a body: %s', async (_, operation) => {
    const path = await fill(operation);
    for (const name of textsOf(operation)) {
      const example = exampleOf(operation).body as Record<string, unknown>;
      isRefused(await ask(operation, path, { ...example, [name]: `a\0` }));
    }
  });

  it.each(named(withQuery))('is refused in every parameter of a query: %s', async (_, operation) => {
    const path = await fill(operation);
    for (const { name } of operation.parameters.filter((one) => one.in === 'query'))
      isRefused(await ask(operation, `${path}?${name}=a%00b`));
  });

  it.each(named(operations.filter(({ path }) => path.includes('{id}'))))(
    'is part of no id: %s',
    async (_, operation) => {
      const { status } = await ask(operation, pathTo(operation.path, 'a%00b'));
      expect([400, 404, 422]).toContain(status);
    },
  );

  it('and the document has many of each', () => {
    expect(Object.keys(document.paths).length).toBeGreaterThan(40);
    expect(Math.min(withTexts.length, withQuery.length)).toBeGreaterThan(8);
  });
});
