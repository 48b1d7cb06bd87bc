import { Injectable } from '@nestjs/common';
import { trusted } from 'mongoose';
import type { Role } from '../../common/access.js';
import type { Total } from '../../common/pagination.js';
import { Database } from '../../database/database.js';
import { databaseContext } from '../../database/scope.js';
import { lockOf } from '../store/user-writes.repository.js';
import type { User } from '../user.entity.js';
import { UsersRepository, type Credentials, type UserChanges, type UserListQuery } from '../users.repository.js';
import { sameId, UserDocuments } from './user-documents.mongoose.js';
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
    const { id: user_id, tenant_id, version } = user;
    assertInScope(tenant_id);
    const planned = {
      user_id,
      tenant_id,
      before: null,
      version,
      names: namesOf(user),
      check: () => this.documents.assertFree(user),
      apply: () => this.documents.add(user),
    };
    const plan = async () => {
      await this.documents.forgetUndone(user_id);
      return planned;
    };
    await this.writes.write(user_id, plan, planned);
  }

  async find(id: string, tenant_id?: string): Promise<User | null> {
    const _id = sameId(id);
    await this.writes.settle([lockOf(_id)]);
    return this.documents.find({ _id, ...(tenant_id && { tenant_id: sameId(tenant_id) }) });
  }

  async findCredentials(email: string): Promise<Credentials | null> {
    await this.writes.settle([emailLock(email)]);
    const user = await this.documents.findWhole({ email });
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
      const before = await this.documents.findWhole({ _id: id, version });
      if (!before) return null;
      const after = changed(before, changes);
      return {
        user_id: id,
        tenant_id: before.tenant_id,
        before,
        version: after.version,
        names: difference(namesOf(before), namesOf(after)),
        check: () => this.documents.assertFree(after),
        apply: async () => ((await this.documents.replace(before, after)) ? withoutHash(after) : null),
      };
    });
  }

  async delete(given: string, version: number): Promise<boolean> {
    const id = sameId(given);
    const deleted = await this.writes.write(id, async () => {
      const before = await this.documents.findWhole({ _id: id, version });
      if (!before) return null;
      return {
        user_id: id,
        tenant_id: before.tenant_id,
        before,
        version: version + 1,
        names: namesOf(before),
        apply: () => this.documents.remove(before),
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
