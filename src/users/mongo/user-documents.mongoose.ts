import { Injectable, Logger } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { trusted, type Model, type QueryFilter } from 'mongoose';
import { Probe } from '../../common/probes.js';
import { EXACT_TOTAL, type Total } from '../../common/pagination.js';
import { errorOf } from '../../database/constraints.js';
import { databaseContext } from '../../database/scope.js';
import { User } from '../user.entity.js';
import type { UserListQuery } from '../users.repository.js';
import { brokenIndex, Documents } from './documents.mongoose.js';
import { UserDocument } from './user.schema.js';

/** What every read but the one for a login leaves out. */
const VISIBLE = { password_hash: 0, full_name_key: 0 } as const;
/** What every read leaves out: it is made of the full name. */
const WHOLE = { full_name_key: 0 } as const;
/** Fields that are not there when they have no value. */
const OPTIONAL = ['username', 'username_key', 'undone_at'] as const;

/** The collection of users, as far as the scope that the caller has entered reaches: as row-level security would have it. */
@Injectable()
export class UserDocuments extends Documents<UserDocument> {
  protected readonly logger = new Logger(UserDocuments.name);

  constructor(@InjectModel(UserDocument.name) model: Model<UserDocument>) {
    super(model);
  }

  /** Makes what is missing of the collection and its indexes. Any number of processes may do so at once. */
  async prepare(): Promise<void> {
    await this.attempt('Making the indexes', () => this.model.createIndexes());
  }

  /** Asked all the time: whoever asks says so when it has begun to fail. @throws MongoDB is of no use just now. */
  @Probe({ name: 'mongodb', critical: false })
  async probe(): Promise<void> {
    await this.model.db.db!.command({ ping: 1 });
  }

  /** Within the scope. */
  async find(query: QueryFilter<UserDocument>): Promise<User | null> {
    const found = within(query);
    const document = found && (await this.findOne(found, VISIBLE));
    return document && toUser(document);
  }

  /** Within the scope, with the password's hash. */
  async findWhole(query: QueryFilter<UserDocument>): Promise<User | null> {
    const found = within(query);
    const document = found && (await this.findOne(found, WHOLE));
    return document && toUser(document);
  }

  /** Within the scope, all of them. */
  async findAll(query: QueryFilter<UserDocument>): Promise<User[]> {
    const found = within(query);
    return found ? (await this.findMany(found, { limit: 0, projection: VISIBLE })).map(toUser) : [];
  }

  /** How many there are within the scope. */
  async countAll(query: QueryFilter<UserDocument>, limit?: number): Promise<number> {
    const found = within(query);
    return found ? this.count(found, limit) : 0;
  }

  /** Within the scope. */
  async page(query: UserListQuery): Promise<Total & { data: User[] }> {
    const found = within(matching(query));
    if (!found) return { data: [], total: 0, total_exact: true };
    const { page, per_page, sort, descending } = query;
    const direction = descending ? -1 : 1;
    const [documents, counted] = await Promise.all([
      this.findMany(found, {
        skip: (page - 1) * per_page,
        limit: per_page,
        sort: { [sort]: direction, _id: direction },
        projection: VISIBLE,
      }),
      this.count(found, EXACT_TOTAL + 1),
    ]);
    return { data: documents.map(toUser), total: counted, total_exact: counted <= EXACT_TOTAL };
  }

  /**
   * Whether anybody else, in whichever tenant, has what must be unique. The indexes still decide.
   * @throws {EmailTakenError}
   * @throws {UsernameTakenError}
   */
  async assertFree(user: User): Promise<void> {
    const found = await this.findMany({ $or: rivalsOf(user) }, { projection: { email: 1 } });
    const others = found.filter(({ _id }) => _id !== user.id);
    if (others.length === 0) return;
    const index = others.some(({ email }) => email === user.email) ? 'users_email_key' : 'users_username_key';
    throw errorOf(index, null) ?? new Error(`Nobody has declared what ${index} means`);
  }

  /**
   * Takes away what is left of a first try of the same process to insert the very same user: nothing of that one is under
   * way any more.
   */
  async forgetUndone(user_id: string): Promise<void> {
    await this.deleteOne({ _id: user_id, undone_at: trusted({ $exists: true }) });
  }

  /**
   * @throws {EmailTakenError}
   * @throws {UsernameTakenError}
   */
  async add(user: User): Promise<void> {
    await this.insertOne(toDocument(user));
  }

  /**
   * @param before - the user at the version that must still be there.
   * @returns whether it was.
   * @throws {EmailTakenError}
   * @throws {UsernameTakenError}
   */
  async replace(before: User, after: User): Promise<boolean> {
    return (await this.updateOne({ _id: before.id, version: before.version }, wholeOf(after))) === 1;
  }

  /** @returns whether it was there at this version. */
  async remove({ id, version }: Pick<User, 'id' | 'version'>): Promise<boolean> {
    return (await this.deleteOne({ _id: id, version })) === 1;
  }

  /** Within the scope, whole, in the order of their ids. @param after - the id behind which it goes on; '' for the first. */
  async wholes(after: string, limit: number): Promise<User[]> {
    const found = within({ _id: trusted({ $gt: after }) });
    return found ? (await this.findMany(found, { limit, sort: { _id: 1 }, projection: WHOLE })).map(toUser) : [];
  }

  /** As given, whether they were there or not. */
  async putAll(users: readonly User[]): Promise<void> {
    const writes = users.map((user) => ({
      updateOne: { filter: { _id: user.id }, update: wholeOf(user), upsert: true },
    }));
    await this.attempt('Writing documents', () => this.model.bulkWrite(writes));
  }

  async removeAll(ids: readonly string[]): Promise<void> {
    await this.attempt('Deleting documents', () => this.model.deleteMany({ _id: trusted({ $in: [...ids] }) }).exec());
  }

  /**
   * Puts a user back as it was, or away where it was not there, at a version above all that may have been written; and does
   * nothing the second time. What is written late, at a version that it saw before, finds none.
   */
  async restore(user_id: string, before: User | null, version: number): Promise<void> {
    const older = { _id: user_id, version: trusted({ $lt: version }) };
    const state = before ? wholeOf({ ...before, version }) : goneAt(version);
    try {
      await this.updateOne(older, state, { upsert: true });
    } catch (error) {
      // It is there and not older: it was put back before.
      if (brokenIndex(error) !== '_id_') throw error;
    }
  }
}

/** As PostgreSQL compares them: whatever the case of the letters. */
export const sameId = (id: string): string => id.toLowerCase();

/** Who has the same address or username. */
const rivalsOf = ({ email, username_key }: User): QueryFilter<UserDocument>[] => [
  { email },
  ...(username_key === null ? [] : [{ username_key }]),
];

/** @returns the query within the scope; null where nothing is. */
function within(query: QueryFilter<UserDocument>): QueryFilter<UserDocument> | null {
  const { scope } = databaseContext();
  if (scope === 'none') return null;
  // What is left of a user whose insert was undone has no tenant.
  return { $and: [query, { tenant_id: scope === 'system' ? trusted({ $exists: true }) : sameId(scope.tenant_id) }] };
}

/** Only what starts with it, which an index finds. */
const startsWith = (text: string): { $regex: string } =>
  trusted({ $regex: `^${text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)}` });

function matching({ tenant_id, q, role, status }: UserListQuery): QueryFilter<UserDocument> {
  const beginning = q ? startsWith(q.toLowerCase()) : null;
  return {
    tenant_id: sameId(tenant_id),
    ...(role && { role }),
    ...(status && { status }),
    ...(beginning && { $or: [{ email: beginning }, { username_key: beginning }, { full_name_key: beginning }] }),
  };
}

function toUser({ _id, username, username_key, ...rest }: Omit<UserDocument, 'full_name_key'>): User {
  return Object.assign(new User(), {
    id: _id,
    ...rest,
    username: username ?? null,
    username_key: username_key ?? null,
  });
}

function toDocument({ id, tenant_id, username, username_key, ...rest }: User): UserDocument {
  return {
    _id: sameId(id),
    ...rest,
    tenant_id: sameId(tenant_id),
    full_name_key: rest.full_name.toLowerCase(),
    ...(username !== null && { username }),
    ...(username_key !== null && { username_key }),
  };
}

type Fields = Partial<Omit<UserDocument, '_id'>>;

/** Every field, so that nothing of what was there before stays. */
function wholeOf(user: User): { $set: Fields; $unset: Record<string, ''> } {
  const { _id, ...fields } = toDocument(user);
  return { $set: fields, $unset: unsetBut(fields) };
}

function goneAt(version: number): { $set: Fields; $unset: Record<string, ''> } {
  const fields = { version, undone_at: new Date() };
  return { $set: fields, $unset: unsetBut(fields) };
}

const ALL = [
  'tenant_id',
  'email',
  'full_name',
  'full_name_key',
  'password_hash',
  'role',
  'status',
  'email_verified',
  'mfa_enabled',
  'created_at',
  'updated_at',
  ...OPTIONAL,
] as const satisfies (keyof UserDocument)[];

const unsetBut = (fields: Fields): Record<string, ''> =>
  Object.fromEntries(ALL.filter((name) => !(name in fields)).map((name) => [name, '']));
