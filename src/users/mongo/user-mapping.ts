import { User } from '../user.entity.js';
import type { UserDocument } from './user.schema.js';

/** What is at an id. */
export interface UserState {
  readonly version: number;
  /** The write that has left it so, by its row in the journal; null where an undone one did, or none that was put down. */
  readonly written_by: string | null;
  /** With the password's hash; null where only this is left of a user that was deleted, or whose insert was undone. */
  readonly user: User | null;
}

type Fields = Partial<Omit<UserDocument, '_id'>>;

interface Update {
  $set: Fields;
  $unset: Record<string, ''>;
}

/** As PostgreSQL compares them: whatever the case of the letters. */
export const sameId = (id: string): string => id.toLowerCase();

/**
 * A name in lower case as PostgreSQL has it: each letter by itself, and one for one. JavaScript makes two of `İ`, and another
 * one of `Σ` where a word ends, which is no beginning of a longer word. A document from before keeps its key until its user
 * changes.
 */
export const nameKey = (name: string): string =>
  Array.from(name, (letter) => [...letter.toLowerCase()][0] ?? letter).join('');

export function toUser(document: Omit<UserDocument, 'full_name_key'>): User {
  const { _id, username = null, username_key = null, ...rest } = document;
  const user: User & Pick<UserDocument, 'written_by' | 'gone_at'> = Object.assign(new User(), {
    id: _id,
    ...rest,
    username,
    username_key,
  });
  delete user.written_by;
  delete user.gone_at;
  return user;
}

export function toDocument({ id, tenant_id, username, username_key, ...rest }: User): UserDocument {
  return {
    _id: sameId(id),
    ...rest,
    tenant_id: sameId(tenant_id),
    full_name_key: nameKey(rest.full_name),
    ...(username !== null && { username }),
    ...(username_key !== null && { username_key }),
  };
}

export function toState(document: UserDocument): UserState {
  const { version, written_by = null, tenant_id } = document as Partial<UserDocument> & { version: number };
  return { version, written_by, user: tenant_id === undefined ? null : toUser(document) };
}

/** Every field, so that nothing of what was there before stays. */
export function wholeOf(user: User, written_by: string | null = null): Update {
  const { _id, ...fields } = toDocument(user);
  return updateTo({ ...fields, ...(written_by !== null && { written_by }) });
}

export function updateOf({ version, written_by, user }: UserState): Update {
  if (user) return wholeOf({ ...user, version }, written_by);
  // A deletion waits for its commit before it expires: it may have to be undone.
  return updateTo({ version, ...(written_by === null ? { gone_at: new Date() } : { written_by }) });
}

const ALL = [
  'tenant_id',
  'email',
  'username',
  'username_key',
  'full_name',
  'full_name_key',
  'password_hash',
  'role',
  'status',
  'email_verified',
  'mfa_enabled',
  'created_at',
  'updated_at',
  'written_by',
  'gone_at',
] as const satisfies (keyof UserDocument)[];

const updateTo = (fields: Fields): Update => ({
  $set: fields,
  $unset: Object.fromEntries(ALL.filter((name) => !(name in fields)).map((name) => [name, ''])),
});
