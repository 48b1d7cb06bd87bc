import { uuidv7 } from '../../src/common/uuid.js';
import type { Database } from '../../src/database/database.js';
import { newUser } from '../../src/users/newcomers/newcomers.js';
import type { User } from '../../src/users/user.entity.js';
import { EmailTakenError, UsernameTakenError } from '../../src/users/users.errors.js';
import type { UserListQuery, UsersRepository } from '../../src/users/users.repository.js';
import { Signal } from '../support/signal.js';

let made = 0;
export function user(changes: Partial<User> = {}): User {
  made += 1;
  const given = {
    tenant_id: uuidv7(),
    email: `contract-${made}@example.com`,
    full_name: 'Ada Lovelace',
    password_hash: '$hash',
  };
  const { username = null, ...rest } = changes;
  return Object.assign(newUser({ ...given, username: username ?? undefined }), rest);
}

/** The store under test, empty or not. */
export interface UnderTest {
  /** Reaches every tenant, each question in a transaction of its own. */
  readonly store: () => UsersRepository;
  /** Reaches what the scope reaches. */
  readonly users: () => UsersRepository;
  readonly database: () => Database;
}

/** What every store of users must do about whom a scope reaches, and when the caller's transaction fails. */
export function scopeAndTransactionsContract({ store, users, database }: UnderTest): void {
  const insert = async (...given: User[]): Promise<User[]> => {
    for (const one of given) await store().insert(one);
    return given;
  };

  describe('the scope', () => {
    const inScope = <T>(tenant_id: string | null, ask: (reached: UsersRepository) => Promise<T>): Promise<T> =>
      tenant_id === null ? ask(users()) : database().asTenant(tenant_id, () => ask(users()));

    it('of a tenant reaches its users and nobody else', async () => {
      const [ours, theirs] = await insert(user({ role: 'admin' }), user({ role: 'admin' }));
      const { id, email, tenant_id } = theirs!;
      const everything: UserListQuery = { tenant_id, sort: 'email', descending: false, page: 1, per_page: 10 };
      for (const tenant of [ours!.tenant_id, null]) {
        const reached = <T>(ask: (by: UsersRepository) => Promise<T>): Promise<T> => inScope(tenant, ask);

        expect(await reached((by) => by.find(id))).toBeNull();
        expect(await reached((by) => by.findCredentials(email))).toBeNull();
        expect(await reached((by) => by.list(everything))).toMatchObject({ data: [], total: 0 });
        expect(await reached((by) => by.countActive(['admin'], tenant_id))).toBe(0);
        expect(await reached((by) => by.countActive(['admin']))).toBe(tenant ? 1 : 0);
        expect(await reached((by) => by.listActive('admin'))).toHaveLength(tenant ? 1 : 0);
        expect(await reached((by) => by.holdVersion(id, 1))).toBe(false);
        expect(await reached((by) => by.update(id, 1, { full_name: 'Other' }))).toBeNull();
        expect(await reached((by) => by.delete(id, 1))).toBe(false);
        await expect(reached((by) => by.insert(user()))).rejects.toThrow();
      }
      expect(await store().find(id)).toMatchObject({ full_name: 'Ada Lovelace', version: 1 });
      expect(await inScope(tenant_id, (by) => by.find(id))).toMatchObject({ id });
    });
  });

  it('knows ids whatever the case of their letters', async () => {
    const [ada] = await insert(user({ role: 'admin' }));
    const [id, tenant_id] = [ada!.id.toUpperCase(), ada!.tenant_id.toUpperCase()];
    const query: UserListQuery = { tenant_id, sort: 'email', descending: false, page: 1, per_page: 10 };

    expect(await store().find(id, tenant_id)).toMatchObject({ id: ada!.id });
    expect(await store().countActive(['admin'], tenant_id)).toBe(1);
    expect((await store().list(query)).data).toHaveLength(1);
    expect(await database().asTenant(tenant_id, () => users().find(id))).toMatchObject({ id: ada!.id });
    expect(await store().holdVersion(id, 1)).toBe(true);
    expect(await store().update(id, 1, { full_name: 'Ada King' })).toMatchObject({ id: ada!.id });
    expect(await store().delete(id, 2)).toBe(true);
  });

  describe('a transaction', () => {
    const transaction = (work: (by: UsersRepository) => Promise<unknown>): Promise<unknown> =>
      database().asSystem(() => database().transaction(() => work(users())));
    const failed = new Error('on purpose');

    it('that fails has inserted, changed and deleted nobody, and every version that it made is void', async () => {
      const [ada, bob] = await insert(user({ username: 'rolled' }), user());
      const eve = user({ username: 'never' });
      const work = async (by: UsersRepository) => {
        await by.insert(eve);
        const { version } = (await by.update(ada!.id, 1, { full_name: 'Twice', email: eve.email.replace('@', '-@') }))!;
        await by.update(ada!.id, version, { username: null, password_hash: '$other' });
        expect(await by.find(ada!.id)).toMatchObject({ version: 3, username: null, full_name: 'Twice' });
        expect(await by.delete(bob!.id, 1)).toBe(true);
        expect(await by.find(bob!.id)).toBeNull();
        throw failed;
      };

      await expect(transaction(work)).rejects.toBe(failed);
      expect(await store().find(eve.id)).toBeNull();
      expect(await store().find(ada!.id)).toMatchObject({ full_name: 'Ada Lovelace', username: 'rolled' });
      expect(await store().findCredentials(ada!.email)).toMatchObject({ password_hash: '$hash' });
      expect(await store().find(bob!.id)).toMatchObject({ email: bob!.email });
      for (const version of [2, 3]) expect(await store().update(ada!.id, version, { full_name: 'x' })).toBeNull();
      await insert(user({ email: eve.email, username: 'NEVER' }));
      await expect(insert(user({ username: 'ROLLED' }))).rejects.toThrow(UsernameTakenError);
    });

    it('may insert again whom it failed to insert before', async () => {
      const eve = user();
      await expect(transaction((by) => by.insert(eve).then(() => Promise.reject(failed)))).rejects.toBe(failed);
      await insert(eve);

      expect(await store().find(eve.id)).toMatchObject({ email: eve.email, version: eve.version });
    });

    it('keeps whoever wants the address that it takes, or frees, waiting until it is over', async () => {
      const [ada] = await insert(user());
      const taken = user().email;
      const [written, end] = [new Signal(), new Signal()];
      const moving = transaction(async (by) => {
        await by.update(ada!.id, 1, { email: taken });
        written.give();
        await end.given;
        throw failed;
      });
      const failing = Promise.allSettled([moving]);
      await written.given;
      const [takes, frees] = [insert(user({ email: taken })), insert(user({ email: ada!.email }))];
      const freed = Promise.allSettled([frees]);
      end.give();

      await takes;
      expect(await failing).toEqual([{ status: 'rejected', reason: failed }]);
      expect(await freed).toEqual([{ status: 'rejected', reason: expect.any(EmailTakenError) }]);
      expect(await store().find(ada!.id)).toMatchObject({ email: ada!.email });
    });
  });
}
