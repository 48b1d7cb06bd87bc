import { Injectable } from '@nestjs/common';
import { trusted } from 'mongoose';
import type { Role } from '../../common/access.js';
import type { Total } from '../../common/pagination.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { databaseContext } from '../../database/scope.js';
import { lockOf } from '../store/user-writes.repository.js';
import type { User } from '../user.entity.js';
import { ContendedError } from '../users.errors.js';
import { UsersRepository, type Credentials, type UserChanges, type UserListQuery } from '../users.repository.js';
import { UserDocuments } from './user-documents.mongoose.js';
import { sameId } from './user-mapping.js';
import { UserWrites } from './user-writes.js';

/**
 * Users in MongoDB. Writes join the caller's transaction, and so does {@link holdVersion}; a read that others may act on
 * sees nothing of a transaction that was broken off, and perhaps something of one that is under way.
 */
@Injectable()
export class MongooseUsersRepository extends UsersRepository {
  constructor(
    private readonly documents: UserDocuments,
    private readonly writes: UserWrites,
    private readonly database: Database,
  ) {
    super();
  }

  async insert(user: User): Promise<void> {
    const { tenant_id } = user;
    const user_id = sameId(user.id);
    assertInScope(tenant_id);
    const known = { names: namesOf(user), check: () => this.documents.assertFree(user) };
    const plan = async () => {
      const left = await this.documents.state(user_id);
      // A first try that was undone, whose versions are void. The user is told its own, as by TypeORM.
      if (left && !left.user) user.version = Math.max(user.version, left.version + 1);
      const { version } = user;
      const apply = async (written_by: string): Promise<void> => {
        if (!left || left.user) return this.documents.add(user, written_by);
        if (await this.documents.change(user_id, left.version, { version, written_by, user })) return;
        throw new ContendedError(1);
      };
      return { ...known, user_id, tenant_id, before: null, version, apply };
    };
    await this.writes.write(user_id, plan, known);
  }

  async find(id: string, tenant_id?: string): Promise<User | null> {
    const _id = sameId(id);
    await this.writes.settle([lockOf(_id)]);
    return this.documents.find({ _id, ...(tenant_id && { tenant_id: sameId(tenant_id) }) });
  }

  async findCredentials(email: string): Promise<Credentials | null> {
    await this.writes.settle([emailLock(email)]);
    const found = await this.documents.findWhole({ email });
    // A write that leaves the address alone is known by the id only. Asked in any case: nobody is to learn by the time that it
    // takes whether somebody has the address.
    const isVoid = await this.writes.settle([lockOf(found?.id ?? uuidv7())]);
    const user = isVoid ? await this.documents.findWhole({ email }) : found;
    if (!user) return null;
    const { id, tenant_id, role, status, email_verified, mfa_enabled, version, password_hash } = user;
    return { id, tenant_id, role, status, email_verified, mfa_enabled, version, password_hash };
  }

  list(query: UserListQuery): Promise<Total & { data: User[] }> {
    return this.documents.page(query);
  }

  update(given: string, version: number, changes: UserChanges): Promise<User | null> {
    const id = sameId(given);
    return this.writes.write<User | null>(id, async () => {
      const before = await this.documents.findToWrite(id, version);
      if (!before) return null;
      const after = changed(before.user, changes);
      return {
        user_id: id,
        tenant_id: before.user.tenant_id,
        before,
        version: after.version,
        names: difference(namesOf(before.user), namesOf(after)),
        check: () => this.documents.assertFree(after),
        apply: async (written_by) => {
          const state = { version: after.version, written_by, user: after };
          return (await this.documents.change(id, version, state)) ? withoutHash(after) : null;
        },
      };
    });
  }

  async delete(given: string, version: number): Promise<boolean> {
    const id = sameId(given);
    const deleted = await this.writes.write(id, async () => {
      const before = await this.documents.findToWrite(id, version);
      if (!before) return null;
      return {
        user_id: id,
        tenant_id: before.user.tenant_id,
        before,
        version: version + 1,
        names: namesOf(before.user),
        apply: async (written_by) => {
          const removed = await this.documents.change(id, version, { version: version + 1, written_by, user: null });
          if (removed) this.database.afterCommit(() => this.documents.letExpire(id, written_by));
          return removed;
        },
      };
    });
    return deleted ?? false;
  }

  async countActive(roles: readonly Role[], tenant_id?: string): Promise<number> {
    await this.writes.settle();
    return this.documents.countAll({
      role: trusted({ $in: [...roles] }),
      status: 'active',
      ...(tenant_id && { tenant_id: sameId(tenant_id) }),
    });
  }

  async listActive(role: Role): Promise<User[]> {
    await this.writes.settle();
    return this.documents.findAll({ role, status: 'active' });
  }

  holdVersion(given: string, version: number): Promise<boolean> {
    const id = sameId(given);
    return this.database.transaction(async () => {
      await this.writes.keep(id);
      return (await this.documents.countAll({ _id: id, version, status: 'active' })) === 1;
    });
  }
}

const emailLock = (email: string): string => `user-email:${email}`;

const namesOf = ({ email, username_key }: User): string[] => [
  emailLock(email),
  ...(username_key === null ? [] : [`user-username:${username_key}`]),
];

/** What is in one of them alone. */
const difference = (one: readonly string[], other: readonly string[]): string[] => [
  ...one.filter((name) => !other.includes(name)),
  ...other.filter((name) => !one.includes(name)),
];

/** As row-level security refuses it. */
function assertInScope(tenant_id: string): void {
  const { scope } = databaseContext();
  if (scope === 'system' || (scope !== 'none' && sameId(scope.tenant_id) === sameId(tenant_id))) return;
  throw new Error('A user is written outside of the scope that its tenant is in');
}

/** The username's key goes wherever the username goes. */
function changed(before: User, changes: UserChanges): User {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const after: User = Object.assign({ ...before }, given, { version: before.version + 1, updated_at: new Date() });
  return { ...after, username_key: after.username?.toLowerCase() ?? null };
}

function withoutHash(user: User): User {
  const visible: Partial<User> = { ...user };
  delete visible.password_hash;
  return visible as User;
}
