import { someAccount, startApp, type TestApp } from '../support/app.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

type Row = [what: string, value: unknown, code: string];

/** What no field that holds a text may be (SEC-43, SEC-45, SEC-48). */
const NO_TEXT: Row[] = [
  ['null', null, 'not_null'],
  ['a number', 5, 'type'],
  ['a truth', true, 'type'],
  ['an object with an operator', { $ne: null }, 'type'],
  ['an object that would match anything', { $regex: '.*' }, 'type'],
  ['a list', ['ada@example.com'], 'type'],
  ['an empty list', [], 'type'],
  ['a text with NUL', 'abcdefgh\0', 'text'],
  ['a text with a lone surrogate', 'abcdefgh\uD83D', 'text'],
];

const ALPHANUMERIC = 'Username can only contain alphanumeric characters, - and _';

const RULES: Record<string, Row[]> = {
  email: [
    ...NO_TEXT,
    ['no text', '', 'email'],
    ['no domain', 'ada', 'email'],
    ['no top-level domain', 'ada@example', 'email'],
    ['two addresses', 'ada@example.com,bob@example.com', 'email'],
    ['a line break', 'ada@example.com\r\nBcc: bob@example.com', 'email'],
    ['255 characters', `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(59)}.de`, 'max_length'],
  ],
  password: [
    ...NO_TEXT,
    ['seven characters', 'abcdefg', 'min_length'],
    ['four emoji, which are eight code units (SEC-03)', '😀'.repeat(4), 'min_length'],
    ['129 characters', 'x'.repeat(129), 'max_length'],
  ],
  full_name: [
    ...NO_TEXT,
    ['no text', '', 'min_length'],
    ['spaces', ' \t\n ', 'min_length'],
    ['201 characters', 'é'.repeat(201), 'max_length'],
  ],
  username: [
    ...NO_TEXT,
    ['two characters', 'ab', 'min_length'],
    ['31 characters', 'a'.repeat(31), 'max_length'],
    ['a space', 'ada king', 'pattern'],
    ['an accent', 'adá', 'pattern'],
    ['a line break at the end', 'ada\n', 'pattern'],
    ['an address', 'ada@example.com', 'pattern'],
  ],
};

const rows = Object.entries(RULES).flatMap(([field, broken]) => broken.map((row) => [field, ...row] as const));

describe('POST /users', () => {
  it.each(rows)('refuses as %s %s, and stores nothing', async (field, _, value, code) => {
    const account = someAccount();
    const answer = await app.request('POST', '/users', { body: { ...account, [field]: value } });

    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body).toMatchObject({
      type: 'urn:omni:problem:validation_failed',
      status: 422,
      instance: '/api/v1/users',
      code: 'validation_failed',
      errors: [{ pointer: `#/${field}`, code, message: expect.any(String) }],
    });
    expect(await app.users.find({ email: account.email })).toEqual([]);
  });

  it.each([
    ['email', { email: 'ada' }, 'Invalid email format'],
    ['username', { username: 'no spaces' }, ALPHANUMERIC],
  ])("says the standard's sentence about a broken %s", async (_, changes, message) => {
    const { body } = await app.request('POST', '/users', { body: { ...someAccount(), ...changes } });

    expect(body.errors).toMatchObject([{ message }]);
  });

  it.each(['email', 'password', 'full_name'])('cannot do without %s', async (field) => {
    const { [field]: _, ...rest } = { ...someAccount() } as Record<string, string>;
    const { status, body } = await app.request('POST', '/users', { body: rest });

    expect(status).toBe(422);
    expect(body.errors).toEqual([{ pointer: `#/${field}`, code: 'required', message: 'is required' }]);
  });

  it('names every field that is wrong, at once, and repeats no value', async () => {
    const { body, text } = await app.request('POST', '/users', {
      body: { email: 'canary', password: 'canary', username: 'ca', full_name: '', role: 'canary' },
    });

    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer).toSorted()).toEqual([
      '#/email',
      '#/full_name',
      '#/password',
      '#/role',
      '#/username',
    ]);
    expect(text).not.toContain('canary');
  });

  it.each([
    ['a list', '[]'],
    ['a list of users', `[${JSON.stringify(someAccount())}]`],
    ['a text', '"ada"'],
    ['a number', '1'],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['nothing', ''],
  ])('refuses %s for a body (SEC-44)', async (_, body) => {
    expect((await app.request('POST', '/users', { body })).status).toBe(422);
  });

  it('counts PASSWORD_MIN_LENGTH, where it is higher, in the same words', async () => {
    const strict = await startApp({ settings: { PASSWORD_MIN_LENGTH: '15' } });
    const { status, body } = await strict.request('POST', '/users', {
      body: { ...someAccount(), password: 'fourteen chars' },
    });
    await strict.close();

    expect(status).toBe(422);
    expect(body.errors).toEqual([
      { pointer: '#/password', code: 'min_length', message: 'must have at least 15 characters' },
    ]);
  });
});

describe('PATCH', () => {
  it.each([
    ['/users/me', 'username', 'ab', 'min_length'],
    ['/users/me', 'full_name', null, 'not_null'],
    ['/users/me', 'email', 'ada@example.com', 'unknown_field'],
    ['/users/me', 'password', 'a good long passphrase', 'unknown_field'],
    ['/users/:id', 'email', null, 'not_null'],
    ['/users/:id', 'email', 'ada', 'email'],
    ['/users/:id', 'role', 'root', 'enum'],
    ['/users/:id', 'role', null, 'not_null'],
    ['/users/:id', 'role', ['admin'], 'enum'],
    ['/users/:id', 'status', 'deleted', 'enum'],
    ['/users/:id', 'password', 'a good long passphrase', 'unknown_field'],
    ['/users/:id', 'tenant_id', '01900000-0000-7000-8000-000000000000', 'unknown_field'],
    ['/users/:id', 'email_verified', true, 'unknown_field'],
    ['/users/:id', 'version', 1, 'unknown_field'],
  ])('%s refuses as %s %j (SEC-33)', async (path, field, value, code) => {
    const ada = await app.signUp();
    const { status, body } = await ada.patch(path.replace(':id', ada.user.id), { [field]: value });

    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ pointer: `#/${field}`, code }]);
    expect((await ada.get('/users/me')).body).toEqual(ada.user);
  });
});
