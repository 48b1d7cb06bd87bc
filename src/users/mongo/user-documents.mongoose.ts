import { Injectable, Logger } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { trusted, type Model, type QueryFilter } from 'mongoose';
import { Probe } from '../../common/probes.js';
import { errorLabel } from '../../common/condition.js';
import { EXACT_TOTAL, type Total } from '../../common/pagination.js';
import { errorOf } from '../../database/constraints.js';
import { databaseContext } from '../../database/scope.js';
import type { User } from '../user.entity.js';
import type { UserListQuery } from '../users.repository.js';
import { Documents } from './documents.mongoose.js';
import { nameKey, sameId, toDocument, toState, toUser, updateOf, wholeOf, type UserState } from './user-mapping.js';
import { UserDocument } from './user.schema.js';

/** What every read but the one for a login leaves out. */
const VISIBLE = { password_hash: 0, full_name_key: 0 } as const;
/** What every read leaves out: it is made of the full name. */
const WHOLE = { full_name_key: 0 } as const;

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

  /** Within the scope, at this version: as a write is going to find it. */
  async findToWrite(user_id: string, version: number): Promise<(UserState & { readonly user: User }) | null> {
    const found = within({ _id: user_id, version });
    const document = found && (await this.findOne(found, WHOLE));
    return document && { ...toState(document), user: toUser(document) };
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

  /** What is at this id, in whichever scope: a user or what is left of one. */
  async state(user_id: string): Promise<UserState | null> {
    const document = await this.findOne({ _id: sameId(user_id) }, WHOLE);
    return document && toState(document);
  }

  /**
   * @param written_by - the row in the journal.
   * @throws {EmailTakenError}
   * @throws {UsernameTakenError}
   */
  async add(user: User, written_by: string): Promise<void> {
    await this.insertOne({ ...toDocument(user), written_by });
  }

  /**
   * Every change gives the id another version, higher than any before: so a version stands for one state of it.
   * @param version - that must still be there.
   * @returns whether it was.
   * @throws {EmailTakenError}
   * @throws {UsernameTakenError}
   */
  async change(user_id: string, version: number, to: UserState): Promise<boolean> {
    return (await this.updateOne({ _id: user_id, version }, updateOf(to))) === 1;
  }

  /** Leaves all as it is, but for the version. @returns whether it was still at `version`. */
  async raise(user_id: string, version: number, to: number): Promise<boolean> {
    return (await this.updateOne({ _id: user_id, version }, { $set: { version: to } })) === 1;
  }

  /** Keeps an insert that may come late from being made. @returns whether nothing was there. */
  async bar(user_id: string, version: number): Promise<boolean> {
    const nothing = { $setOnInsert: { version, gone_at: new Date() } };
    return (await this.updateOne({ _id: user_id }, nothing, { upsert: true })) === 1;
  }

  /** What is left of a deletion that is committed may expire. Where it does not come to that, an id is kept. */
  async letExpire(user_id: string, written_by: string): Promise<void> {
    try {
      await this.updateOne({ _id: user_id, written_by }, { $set: { gone_at: new Date() } });
    } catch (error) {
      this.logger.warn(`What is left of a deleted user stays: ${errorLabel(error)}`);
    }
  }

  /** Within the scope, whole, in the order of their ids. @param after - the id behind which it goes on; '' for the first. */
  async wholes(after: string, limit: number): Promise<User[]> {
    const found = within({ _id: trusted({ $gt: after }) });
    return found ? (await this.findMany(found, { limit, sort: { _id: 1 }, projection: WHOLE })).map(toUser) : [];
  }

  /** Within the scope, whole. */
  async wholesOf(ids: readonly string[]): Promise<User[]> {
    const found = within({ _id: trusted({ $in: [...ids] }) });
    return found ? (await this.findMany(found, { limit: 0, projection: WHOLE })).map(toUser) : [];
  }

  /** As given, whether they were there or not. */
  async putAll(users: readonly User[]): Promise<void> {
    const writes = users.map((user) => ({
      updateOne: { filter: { _id: user.id }, update: wholeOf(user), upsert: true },
    }));
    await this.attempt('Writing documents', () => this.model.bulkWrite(writes));
  }

  /** @returns how many of them still were at this version. */
  async removeUnchanged(users: readonly Pick<User, 'id' | 'version'>[]): Promise<number> {
    const removals = users.map(({ id, version }) => ({ deleteOne: { filter: { _id: id, version } } }));
    return (await this.attempt('Deleting documents', () => this.model.bulkWrite(removals))).deletedCount;
  }

  async removeAll(ids: readonly string[]): Promise<void> {
    await this.attempt('Deleting documents', () => this.model.deleteMany({ _id: trusted({ $in: [...ids] }) }).exec());
  }
}

/** Who has the same address or username. */
const rivalsOf = ({ email, username_key }: User): QueryFilter<UserDocument>[] => [
  { email },
  ...(username_key === null ? [] : [{ username_key }]),
];

/** @returns the query within the scope; null where nothing is. */
function within(query: QueryFilter<UserDocument>): QueryFilter<UserDocument> | null {
  const { scope } = databaseContext();
  if (scope === 'none') return null;
  // What is left of a user who was deleted, or whose insert was undone, has no tenant.
  return { $and: [query, { tenant_id: scope === 'system' ? trusted({ $exists: true }) : sameId(scope.tenant_id) }] };
}

/** Only what starts with it, which an index finds. */
const startsWith = (text: string): { $regex: string } =>
  trusted({ $regex: `^${text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)}` });

function beginningWith(q: string): QueryFilter<UserDocument>[] {
  const beginning = startsWith(q.toLowerCase());
  return [{ email: beginning }, { username_key: beginning }, { full_name_key: startsWith(nameKey(q)) }];
}

function matching({ tenant_id, q, role, status }: UserListQuery): QueryFilter<UserDocument> {
  return {
    tenant_id: sameId(tenant_id),
    ...(role && { role }),
    ...(status && { status }),
    ...(q && { $or: beginningWith(q) }),
  };
}
