import { uuidv7 } from '../../src/common/uuid.js';
import type { User } from '../../src/users/user.entity.js';
import type { UserListQuery } from '../../src/users/users.repository.js';
import { user, type UnderTest } from './users.transactions.contract.js';

/** How every store of users finds and orders them. */
export function listContract({ store }: Pick<UnderTest, 'store'>): void {
  const insert = async (...users: User[]): Promise<void> => {
    for (const one of users) await store().insert(one);
  };

  describe('list()', () => {
    const tenant_id = uuidv7();
    const list = (query: Partial<UserListQuery>) =>
      store().list({ tenant_id, sort: 'created_at', descending: false, page: 1, per_page: 50, ...query });
    const names = async (query: Partial<UserListQuery>) => (await list(query)).data.map(({ full_name }) => full_name);
    const at = (second: number): Date => new Date(1_700_000_000_000 + second * 1_000);

    beforeAll(async () => {
      await insert(
        user({
          tenant_id,
          id: uuidv7(1),
          email: 'q1@list.example.com',
          full_name: 'carol',
          created_at: at(2),
          role: 'admin',
        }),
        user({
          tenant_id,
          id: uuidv7(2),
          email: 'q3@list.example.com',
          full_name: 'alice',
          created_at: at(2),
          username: 'Wonder_land',
        }),
        user({ tenant_id, email: 'q2@list.example.com', full_name: 'bob', created_at: at(1), status: 'disabled' }),
        user({
          tenant_id,
          email: 'q4@list.example.com',
          full_name: '100% dave',
          created_at: at(3),
          username: 'wonderXland',
        }),
        user({ full_name: 'alice elsewhere' }),
      );
    });

    it.each<[UserListQuery['sort'], string[]]>([
      ['created_at', ['bob', 'carol', 'alice', '100% dave']],
      ['email', ['carol', 'bob', 'alice', '100% dave']],
      ['full_name', ['100% dave', 'alice', 'bob', 'carol']],
    ])('sorts by %s both ways, ids breaking ties', async (sort, expected) => {
      expect(await names({ sort })).toEqual(expected);
      expect(await names({ sort, descending: true })).toEqual(expected.toReversed());
    });

    it('turns pages without losing anybody, and counts those of the tenant', async () => {
      const pages = await Promise.all([1, 2, 3].map((page) => list({ page, per_page: 2 })));

      expect(pages.map(({ data }) => data.map(({ full_name }) => full_name))).toEqual([
        ['bob', 'carol'],
        ['alice', '100% dave'],
        [],
      ]);
      for (const { total, total_exact } of pages)
        expect({ total, total_exact }).toEqual({ total: 4, total_exact: true });
    });

    it.each<[Partial<UserListQuery>, string[]]>([
      [{ role: 'admin' }, ['carol']],
      [{ status: 'disabled' }, ['bob']],
      [{ status: 'active', role: 'user' }, ['alice', '100% dave']],
      [{ q: 'ALI' }, ['alice']],
      [{ q: 'lice' }, []],
      [{ q: 'Q2@LIST' }, ['bob']],
      [{ q: 'WONDER' }, ['alice', '100% dave']],
      [{ q: 'wonder_' }, ['alice']],
      [{ q: '100%' }, ['100% dave']],
      [{ q: '%' }, []],
      [{ q: '_' }, []],
      [{ q: '.*' }, []],
      [{ q: '^a' }, []],
      [{ q: 'a\\' }, []],
      [{ q: '(' }, []],
      [{ q: 'a', status: 'disabled' }, []],
    ])('finds by %j', async (query, expected) => {
      expect(await names(query)).toEqual(expected);
      expect((await list(query)).total).toBe(expected.length);
    });

    it.each([
      ['İsm', ['İsmail']],
      ['İSMAİL', ['İsmail']],
      ['ism', ['İsmail']],
      ['ΟΔΥΣΣΕΑΣ', ['ΟΔΥΣΣΕΑΣ']],
      ['ΟΔΥΣ', ['ΟΔΥΣ', 'ΟΔΥΣΣΕΑΣ', 'Οδυσσέας']],
      ['οδυσσέ', ['Οδυσσέας']],
      ['ÇAĞ', ['çağla']],
      ['SS', []],
    ])('ignores the case of each letter, wherever it stands: %s', async (q, expected) => {
      const own = uuidv7();
      for (const full_name of ['İsmail', 'ΟΔΥΣ', 'ΟΔΥΣΣΕΑΣ', 'Οδυσσέας', 'çağla', 'ßen'])
        await insert(user({ tenant_id: own, full_name }));

      expect((await names({ tenant_id: own, q })).toSorted()).toEqual(expected);
    });

    it('sorts texts by their bytes, whatever language anybody speaks', async () => {
      const other = uuidv7();
      const unsorted = ['élan', 'Zoe', 'zoe', 'adam', 'Adam', 'a b', 'a-b', '9 lives', 'Ärger'];
      for (const full_name of unsorted) await insert(user({ tenant_id: other, full_name }));
      const sorted = unsorted.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

      expect(await names({ tenant_id: other, sort: 'full_name' })).toEqual(sorted);
      expect(await names({ tenant_id: other, sort: 'full_name', descending: true })).toEqual(sorted.toReversed());
      expect(await names({ tenant_id: other, q: 'ÄR' })).toEqual(['Ärger']);
    });

    it('leaves the hash out', async () => {
      for (const one of (await list({})).data) expect(one.password_hash).toBeUndefined();
    });
  });
}
