import { uuidv7 } from '../../src/common/uuid.js';
import { Database } from '../../src/database/database.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { Passwords } from '../../src/users/passwords.js';
import type { Mail } from '../../src/dev/inbox.js';
import { AccountChanges, type AccountChange } from '../../src/users/account-changes.js';
import type { User } from '../../src/users/user.entity.js';
import { newUser } from '../../src/users/newcomers/newcomers.js';
import { UsersRepository, type UserChanges } from '../../src/users/users.repository.js';
import { someAccount, type TestApp } from './app.js';
import { succeed, type Account, type Answer, type Client } from './client.js';
import { conforming } from './conformance.js';
import { eventually } from './eventually.js';
import { tokenIn } from './exports.js';

/** Another organisation. */
export async function newTenant(app: TestApp): Promise<string> {
  const id = uuidv7();
  await app.sql('INSERT INTO tenants (id, name) VALUES ($1, $2)', [id, `Tenant ${id}`]);
  return id;
}

const { password } = someAccount();
let hashed: Promise<string> | undefined;

/** Users as their store has them, at the price of one hash for all: no sign-up, no mail, no trail. */
export async function insertUsers(app: TestApp, given: Partial<User>[]): Promise<(User & Account)[]> {
  const password_hash = await (hashed ??= app.app.get(Passwords).hash(password));
  const users = given.map(({ username, ...row }) => {
    const { email, full_name } = someAccount();
    const user = newUser({
      tenant_id: DEFAULT_TENANT_ID,
      email,
      full_name,
      password_hash,
      username: username ?? undefined,
    });
    return Object.assign(user, row);
  });
  await app.users.insert(users);
  return users.map((user) => Object.assign(user, { password }));
}

/** Somebody of this tenant with this role, signed in. */
export async function member(app: TestApp, tenant_id: string, role: User['role'] = 'user'): Promise<Client> {
  const [account] = await insertUsers(app, [{ tenant_id, role }]);
  return app.logIn(account!);
}

/** Somebody is invited, and the mail has arrived. */
export async function invite(
  app: TestApp,
  by: Client,
  invitation: { role?: User['role']; tenant_id?: string; email?: string } = {},
): Promise<{ id: string; email: string; token: string }> {
  const body = { email: someAccount().email, ...invitation };
  const known = new Set(app.inbox.list().map((mail) => mail.id));
  const { id, email } = succeed(await by.post('/invitations', body));
  const mail = await eventually(() => {
    const isNew = (one: Mail) => !known.has(one.id) && one.to.includes(email) && one.subject === 'You are invited';
    return app.inbox.list().find(isNew) ?? false;
  });
  return { id, email, token: tokenIn(mail.text) };
}

/** What is answered is held against the document. */
export const accept = (app: TestApp, token: string, given: object = {}): Promise<Answer> =>
  conforming(app.send)('POST', '/invitations/accept', {
    body: { token, password, full_name: 'Ada Lovelace', ...given },
  });

/** As a feature changes an account and tells of it. */
export function changeAccount(
  { app }: TestApp,
  id: string,
  changes: UserChanges,
  told: Pick<AccountChange, 'action' | 'reason'>,
): Promise<void> {
  const [database, users] = [app.get(Database), app.get(UsersRepository)];
  return database.asSystem(() =>
    database.transaction(async () => {
      await database.lock(`account:${id}`);
      const { version } = (await users.find(id))!;
      const user = (await users.update(id, version, changes))!;
      await app.get(AccountChanges).publish({ ...told, user, changes: Object.keys(changes) as (keyof UserChanges)[] });
    }),
  );
}

/** As the recovery of a password ends, wherever it began. */
export const resetPassword = (app: TestApp, id: string): Promise<void> =>
  changeAccount(app, id, { password_hash: 'another' }, { action: 'authn_password_change', reason: 'reset' });

/** Every row, of every table, in which one of these texts stands; as `table: row`. */
export async function rowsHolding(app: TestApp, texts: readonly string[]): Promise<string[]> {
  const tables = await app.sql<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
  );
  const found = tables.map(async ({ name }) => {
    const rows = await app.sql<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
    return rows.filter(({ row }) => texts.some((text) => row.includes(text))).map(({ row }) => `${name}: ${row}`);
  });
  return (await Promise.all(found)).flat();
}
