import { uuidv7 } from '../../src/common/uuid.js';
import type { User } from '../../src/users/user.entity.js';
import { EmailTakenError, UsernameTakenError } from '../../src/users/users.errors.js';
import { listContract } from './users.list.contract.js';
import { scopeAndTransactionsContract, user, type UnderTest } from './users.transactions.contract.js';

/** What every store of users must do. */
export function usersRepositoryContract({ store, users, database }: UnderTest): void {
  const insert = async (...users: User[]): Promise<User[]> => {
    for (const one of users) await store().insert(one);
    return users;
  };

  describe('insert()', () => {
    it('keeps every field as it was given, and gives the hash to no one who does not ask', async () => {
      const [ada] = await insert(user({ username: 'Ada', role: 'admin', status: 'disabled', email_verified: true }));
      const { password_hash: _, ...visible } = ada!;

      expect({ ...(await store().find(ada!.id)) }).toEqual(visible);
    });

    it('refuses an address that somebody has, in another tenant too', async () => {
      const [{ email } = user()] = await insert(user());

      await expect(insert(user({ email }))).rejects.toThrow(EmailTakenError);
    });

    it('refuses a username that somebody has, whatever the case of its letters', async () => {
      await insert(user({ username: 'Grace' }));

      await expect(insert(user({ username: 'gRACE' }))).rejects.toThrow(UsernameTakenError);
    });

    it('lets one of many win that race for an address', async () => {
      const { email } = user();
      const results = await Promise.allSettled(Array.from({ length: 50 }, () => insert(user({ email }))));
      const lost = results.filter((result) => result.status === 'rejected');

      expect(lost).toHaveLength(49);
      for (const { reason } of lost) expect(reason).toBeInstanceOf(EmailTakenError);
    });
  });

  scopeAndTransactionsContract({ store, users, database });

  describe('find()', () => {
    it('looks in one tenant where it is told to', async () => {
      const [{ id, tenant_id } = user()] = await insert(user());

      expect(await store().find(id, tenant_id)).toMatchObject({ id });
      expect(await store().find(id, uuidv7())).toBeNull();
      expect(await store().find(uuidv7())).toBeNull();
    });
  });

  describe('findCredentials()', () => {
    it('gives what a login compares with, and nothing else', async () => {
      const [ada] = await insert(user());
      const { id, tenant_id, role, status, email_verified, mfa_enabled, version, password_hash } = ada!;

      expect({ ...(await store().findCredentials(ada!.email)) }).toEqual({
        id,
        tenant_id,
        role,
        status,
        email_verified,
        mfa_enabled,
        version,
        password_hash,
      });
      expect(await store().findCredentials('nobody@example.com')).toBeNull();
    });
  });

  describe('update()', () => {
    it('changes what it names, leaves alone what it does not, and counts the change', async () => {
      const [ada] = await insert(user({ username: 'first', created_at: new Date(0), updated_at: new Date(0) }));
      const { password_hash: _, updated_at, ...before } = ada!;
      const after = await store().update(ada!.id, 1, { full_name: 'Ada King', role: 'admin' });

      expect({ ...after }).toEqual({
        ...before,
        full_name: 'Ada King',
        role: 'admin',
        version: 2,
        updated_at: expect.any(Date),
      });
      expect(after!.updated_at.getTime()).toBeGreaterThan(updated_at.getTime());
      expect({ ...(await store().find(ada!.id)) }).toEqual({ ...after });
    });

    it('changes nothing at another version', async () => {
      const [{ id } = user()] = await insert(user());

      expect(await store().update(id, 2, { full_name: 'Other' })).toBeNull();
      expect(await store().update(uuidv7(), 1, { full_name: 'Other' })).toBeNull();
      expect(await store().find(id)).toMatchObject({ full_name: 'Ada Lovelace', version: 1 });
    });

    it('lets one of many win that saw the same version', async () => {
      const [{ id } = user()] = await insert(user());
      const names = Array.from({ length: 20 }, (_, at) => `Name ${at}`);
      const changed = await Promise.all(names.map((full_name) => store().update(id, 1, { full_name })));
      const won = changed.filter((result) => result !== null);

      expect(won).toHaveLength(1);
      expect(await store().find(id)).toMatchObject({ full_name: won[0]!.full_name, version: 2 });
    });

    it('refuses what somebody else has, and then changes nothing', async () => {
      const [ada, bob] = await insert(user({ username: 'taken' }), user());

      await expect(store().update(bob!.id, 1, { email: ada!.email })).rejects.toThrow(EmailTakenError);
      await expect(store().update(bob!.id, 1, { username: 'TAKEN', full_name: 'x' })).rejects.toThrow(
        UsernameTakenError,
      );
      expect(await store().find(bob!.id)).toMatchObject({ full_name: 'Ada Lovelace', version: 1 });
    });

    it('frees a username that it takes away', async () => {
      const [ada, bob] = await insert(user({ username: 'Freed' }), user());

      expect(await store().update(ada!.id, 1, { username: null })).toMatchObject({ username: null });
      expect(await store().update(bob!.id, 1, { username: 'fREED' })).toMatchObject({ username: 'fREED' });
    });

    it('lets somebody write the own username and address otherwise', async () => {
      const [ada] = await insert(user({ username: 'mine' }));

      expect(await store().update(ada!.id, 1, { username: 'MINE', email: ada!.email })).toMatchObject({
        username: 'MINE',
      });
    });

    it('changes the hash', async () => {
      const [ada] = await insert(user());
      await store().update(ada!.id, 1, { password_hash: '$other' });

      expect(await store().findCredentials(ada!.email)).toMatchObject({ password_hash: '$other', version: 2 });
    });
  });

  describe('delete()', () => {
    it('removes a user at that version only, and frees address and username', async () => {
      const [ada] = await insert(user({ username: 'Leaver' }));

      expect(await store().delete(ada!.id, 2)).toBe(false);
      expect(await store().delete(ada!.id, 1)).toBe(true);
      expect(await store().delete(ada!.id, 1)).toBe(false);
      expect(await store().find(ada!.id)).toBeNull();
      await insert(user({ email: ada!.email, username: 'leaver' }));
    });
  });

  describe('countActive()', () => {
    it('counts the active ones with one of these roles, in one tenant or anywhere', async () => {
      const tenant_id = uuidv7();
      const everywhere = await store().countActive(['admin']);
      await insert(
        user({ tenant_id, role: 'admin' }),
        user({ tenant_id, role: 'platform_admin' }),
        user({ tenant_id, role: 'admin', status: 'disabled' }),
        user({ tenant_id }),
        user({ role: 'admin' }),
      );

      expect(await store().countActive(['admin'], tenant_id)).toBe(1);
      expect(await store().countActive(['admin', 'platform_admin'], tenant_id)).toBe(2);
      expect(await store().countActive(['admin'], uuidv7())).toBe(0);
      expect(await store().countActive(['admin'])).toBe(everywhere + 2);
    });
  });

  describe('listActive()', () => {
    it('finds the active ones with that role, in every tenant, without their hashes', async () => {
      const known = new Set((await store().listActive('platform_admin')).map(({ id }) => id));
      const role = 'platform_admin';
      const [one, other] = await insert(user({ role }), user({ role }));
      await insert(user({ role, status: 'disabled' }), user({ role: 'admin' }));
      const found = (await store().listActive('platform_admin')).filter(({ id }) => !known.has(id));

      expect(new Set(found.map(({ id }) => id))).toEqual(new Set([one!.id, other!.id]));
      expect(found.map(({ password_hash }) => password_hash)).toEqual([undefined, undefined]);
    });
  });

  describe('holdVersion()', () => {
    it('tells whether the user is active and still at that version', async () => {
      const [ada, gone] = await insert(user(), user({ status: 'disabled' }));

      expect(await store().holdVersion(ada!.id, 1)).toBe(true);
      expect(await store().holdVersion(ada!.id, 2)).toBe(false);
      expect(await store().holdVersion(gone!.id, 1)).toBe(false);
      expect(await store().holdVersion(uuidv7(), 1)).toBe(false);
    });
  });

  listContract({ store });
}
