import type { User } from '../../src/users/user.entity.js';
import { randomUUID } from 'node:crypto';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { member, newTenant } from '../support/accounts.js';
import { someAccount, startApp, type TestApp } from '../support/app.js';

let app: TestApp;
beforeAll(async () => (app = await startApp()));

const signUp = (changes: Record<string, unknown> = {}, token?: string) =>
  app.request('POST', '/users', { body: { ...someAccount(), ...changes }, token });

const ID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('POST /users', () => {
  it('answers 201 with the place of the user and exactly the documented fields (SEC-34)', async () => {
    const account = someAccount();
    const { status, headers, body } = await signUp({ ...account, username: 'Ada_L-1' });

    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/users/${body.id}`);
    expect(body).toEqual({
      id: ID,
      email: account.email,
      username: 'Ada_L-1',
      full_name: account.full_name,
      role: 'user',
      status: 'active',
      email_verified: false,
      mfa_enabled: false,
      tenant_id: DEFAULT_TENANT_ID,
      created_at: TIME,
      updated_at: TIME,
    });
  });

  it('takes the example of the standard as it stands there', async () => {
    const { status, body } = await signUp({
      email: 'test@example.com',
      password: 'Password123',
      full_name: 'Test User',
    });

    expect(status).toBe(201);
    expect(body).toMatchObject({ email: 'test@example.com', full_name: 'Test User', username: null });
  });

  it('keeps the address in lower case, and the name without the spaces around it', async () => {
    const { email } = someAccount();
    const { body } = await signUp({ email: email.toUpperCase(), full_name: '  Ada  King\t' });

    expect(body).toMatchObject({ email, full_name: 'Ada  King' });
  });

  it.each<[what: string, changes: Record<string, unknown>]>([
    ['a password of eight emoji (SEC-03)', { password: '😀'.repeat(8) }],
    ['a password of 128 characters (SEC-03)', { password: 'x'.repeat(128) }],
    ['a username of 3 characters', { username: 'a-1' }],
    ['a username of 30 characters', { username: '_'.repeat(30) }],
    [
      'an address of 254 characters',
      { email: `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}` },
    ],
    ['a name of 200 characters, each of two code units', { full_name: '😀'.repeat(200) }],
    ['a name in another alphabet', { full_name: 'Ада Лавлейс' }],
    ['a name from right to left', { full_name: 'עדה לאבלייס' }],
    ['a name with a zero-width joiner', { full_name: '👩‍💻' }],
    ['a name that looks like SQL (SEC-50)', { full_name: `Robert'); DROP TABLE users; --` }],
    ['a name that looks like a template', { full_name: '<%= 7 * 7 %> {{7*7}} ${7*7}' }],
  ])('takes %s, and gives it back as it came', async (_, changes) => {
    const { status, body } = await signUp(changes);
    const { password: _password, ...visible } = changes;

    expect(status).toBe(201);
    expect(body).toMatchObject(visible);
  });

  it('makes no difference between the case of letters when it tells whether an address is taken', async () => {
    const { email } = (await app.signUp()).user;
    const { status, body } = await signUp({ email: email.toUpperCase() });

    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'email_taken', title: 'User already exists' });
  });

  it('makes none either when it tells whether a username is taken', async () => {
    await signUp({ username: 'Grace' });
    const { status, body } = await signUp({ username: 'gRACE' });

    expect(status).toBe(409);
    expect(body.code).toBe('username_taken');
  });

  it('lets any number of users go without a username', async () => {
    expect((await Promise.all([signUp(), signUp(), signUp()])).map(({ status }) => status)).toEqual([201, 201, 201]);
  });

  it('refuses a credential that is none, and signs nobody up', async () => {
    const { email } = someAccount();
    const { status, body } = await signUp({ email }, 'rubbish');

    expect(status).toBe(401);
    expect(body.code).toBe('invalid_token');
    expect(await app.users.find({ email })).toEqual([]);
  });

  it("puts an admin's new user into the admin's tenant", async () => {
    const tenant_id = await newTenant(app);
    const { token } = await member(app, tenant_id, 'admin');

    expect((await signUp({}, token)).body).toMatchObject({ tenant_id, role: 'user' });
  });

  it("puts everybody else's into the default one", async () => {
    const { token } = await member(app, await newTenant(app));

    expect((await signUp({}, token)).body.tenant_id).toBe(DEFAULT_TENANT_ID);
  });

  it('welcomes by mail', async () => {
    const { email } = (await app.signUp({ full_name: 'Ada Lovelace' })).user;
    const mail = await app.mail(email, 'Welcome!');

    expect(mail.text).toContain('Welcome to our platform');
    expect(mail.text).toContain('Ada Lovelace');
  });

  it('stores the password as an Argon2id hash and nowhere else (SEC-01)', async () => {
    const { body } = await signUp({ password: 'canary-of-a-password' });
    const [{ password_hash }] = (await app.users.find({ id: body.id })) as [User];

    expect(password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await app.sql(`SELECT 1 FROM outbox WHERE encode(payload, 'escape') LIKE '%canary-of%'`)).toEqual([]);
    expect(app.logs.join('\n')).not.toContain('canary-of-a-password');
  });
});

describe('a field that is not a sign-up’s', () => {
  it.each([
    ['id', randomUUID()],
    ['role', 'admin'],
    ['status', 'disabled'],
    ['tenant_id', DEFAULT_TENANT_ID],
    ['email_verified', true],
    ['mfa_enabled', true],
    ['version', 9],
    ['password_hash', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g'],
    ['created_at', '2020-01-01T00:00:00.000Z'],
    ['$where', '1'],
    ['constructor', 1],
  ])('is refused, not ignored: %s (SEC-33)', async (name, value) => {
    const account = someAccount();
    const { status, body } = await signUp({ ...account, [name]: value });

    expect(status).toBe(422);
    expect(body.code).toBe('validation_failed');
    expect(body.errors).toEqual([{ pointer: `#/${name}`, code: 'unknown_field', message: expect.any(String) }]);
    expect(await app.users.find({ email: account.email })).toEqual([]);
  });

  it.each([
    ['__proto__', '"__proto__": {"role": "admin"}'],
    ['constructor.prototype', '"constructor": {"prototype": {"role": "admin"}}'],
  ])('is no way into a prototype: %s (SEC-49)', async (_, member) => {
    const { email, password, full_name } = someAccount();
    const own = JSON.stringify({ email, password, full_name }).slice(0, -1);
    const { status, body } = await app.request('POST', '/users', { body: `${own}, ${member}}` });

    expect(status).toBe(400);
    expect(body.code).toBe('malformed_json');
    expect(({} as { role?: string }).role).toBeUndefined();
  });
});
