import { Injectable } from '@nestjs/common';
import { In, type EntityManager, type SelectQueryBuilder } from 'typeorm';
import type { Role } from '../common/access.js';
import type { Total } from '../common/pagination.js';
import { Database } from '../database/database.js';
import { pageOf } from '../database/page.js';
import { User } from './user.entity.js';
import { UsersRepository, type Credentials, type UserChanges, type UserListQuery } from './users.repository.js';

const CREDENTIALS = [
  'id',
  'tenant_id',
  'role',
  'status',
  'email_verified',
  'mfa_enabled',
  'version',
  'password_hash',
] as const;

/** Users in PostgreSQL. Joins the caller's transaction and scope. */
@Injectable()
export class TypeOrmUsersRepository extends UsersRepository {
  constructor(private readonly database: Database) {
    super();
  }

  async insert(user: User): Promise<void> {
    await this.database.run((manager) => manager.insert(User, user));
  }

  find(id: string, tenant_id?: string): Promise<User | null> {
    return this.database.run((manager) => manager.findOneBy(User, { id, ...(tenant_id && { tenant_id }) }));
  }

  findCredentials(email: string): Promise<Credentials | null> {
    return this.database.run((manager) => manager.findOne(User, { select: select(CREDENTIALS), where: { email } }));
  }

  list(query: UserListQuery): Promise<Total & { data: User[] }> {
    const direction = query.descending ? 'DESC' : 'ASC';
    // By bytes, so that the order is the same in every database, whatever language it was made for.
    const by = query.sort === 'created_at' ? 'user.created_at' : `user.${query.sort} COLLATE "C"`;
    return this.database.run((manager) =>
      pageOf(manager, matching(manager, query).orderBy(by, direction).addOrderBy('user.id', direction), query),
    );
  }

  async update(id: string, version: number, changes: UserChanges): Promise<User | null> {
    return this.database.run(async (manager) => {
      const { affected } = await manager.update(User, { id, version }, { ...withKey(changes), version: version + 1 });
      return affected === 1 ? manager.findOneBy(User, { id }) : null;
    });
  }

  async delete(id: string, version: number): Promise<boolean> {
    const { affected } = await this.database.run((manager) => manager.delete(User, { id, version }));
    return affected === 1;
  }

  countActive(roles: readonly Role[], tenant_id?: string): Promise<number> {
    return this.database.run((manager) =>
      manager.countBy(User, { role: In(roles), status: 'active', ...(tenant_id && { tenant_id }) }),
    );
  }

  listActive(role: Role): Promise<User[]> {
    return this.database.run((manager) => manager.findBy(User, { role, status: 'active' }));
  }

  async holdVersion(id: string, version: number): Promise<boolean> {
    const held = await this.database.run((manager) =>
      manager.findOne(User, {
        select: { id: true },
        where: { id, version, status: 'active' },
        lock: { mode: 'pessimistic_read' },
      }),
    );
    return held !== null;
  }
}

const select = <Name extends string>(names: readonly Name[]): Record<Name, true> =>
  Object.fromEntries(names.map((name) => [name, true])) as Record<Name, true>;

/** The username's key goes wherever the username goes. */
const withKey = (changes: UserChanges): UserChanges & { username_key?: string | null } =>
  changes.username === undefined ? changes : { ...changes, username_key: changes.username?.toLowerCase() ?? null };

function matching(manager: EntityManager, { tenant_id, q, role, status }: UserListQuery): SelectQueryBuilder<User> {
  const found = manager.createQueryBuilder(User, 'user').where('user.tenant_id = :tenant_id', { tenant_id });
  if (role) found.andWhere('user.role = :role', { role });
  if (status) found.andWhere('user.status = :status', { status });
  if (q) {
    // Not LIKE: under row-level security an index answers only operators that PostgreSQL trusts not to tell of hidden rows.
    // The beginning of a name is lowered by whoever has lowered the names: JavaScript has other words for some letters.
    found.andWhere(
      '(user.email ^@ :beginning OR user.username_key ^@ :beginning OR user.full_name_key ^@ lower(CAST(:q AS text)))',
      { beginning: q.toLowerCase(), q },
    );
  }
  return found;
}
