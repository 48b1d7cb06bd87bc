import type { Role } from '../common/access.js';
import type { Total } from '../common/pagination.js';
import type { User, UserStatus } from './user.entity.js';

/** What a login compares with; the only read that has the password's hash. */
export type Credentials = Pick<
  User,
  'id' | 'tenant_id' | 'role' | 'status' | 'email_verified' | 'mfa_enabled' | 'version' | 'password_hash'
>;

export interface UserListQuery {
  readonly tenant_id: string;
  /** The beginning of e-mail, username or full name. */
  readonly q?: string | undefined;
  readonly role?: Role | undefined;
  readonly status?: UserStatus | undefined;
  readonly sort: 'created_at' | 'email' | 'full_name';
  readonly descending: boolean;
  readonly page: number;
  readonly per_page: number;
}

export type UserChanges = Partial<
  Pick<
    User,
    'email' | 'username' | 'full_name' | 'password_hash' | 'role' | 'status' | 'email_verified' | 'mfa_enabled'
  >
>;

/**
 * Every question that the product asks about users: a port, since they may live in PostgreSQL or in MongoDB. A store may
 * or may not join the caller's transaction; whoever calls more than one method relies on `version` instead.
 */
export abstract class UsersRepository {
  /**
   * @throws {EmailTakenError} somebody has this address, also when two inserts race.
   * @throws {UsernameTakenError} somebody has this username, whatever the case of its letters.
   */
  abstract insert(user: User): Promise<void>;

  /** @param tenant_id - the only tenant to look in; every tenant when left out. */
  abstract find(id: string, tenant_id?: string): Promise<User | null>;

  /** @param email - in lower case. */
  abstract findCredentials(email: string): Promise<Credentials | null>;

  /** A page of one tenant's users, ids breaking ties. */
  abstract list(query: UserListQuery): Promise<Total & { readonly data: User[] }>;

  /**
   * Changes a user that is still at `version`, and raises it by one.
   * @returns the user after the change; null when there is none at that version any more.
   * @throws {EmailTakenError} somebody else has this address.
   * @throws {UsernameTakenError} somebody else has this username.
   */
  abstract update(id: string, version: number, changes: UserChanges): Promise<User | null>;

  /** @returns whether there was one at that version. */
  abstract delete(id: string, version: number): Promise<boolean>;

  /** How many active users have one of these roles: in one tenant, or anywhere. */
  abstract countActive(roles: readonly Role[], tenant_id?: string): Promise<number>;

  /** All active users with this role, which few have. */
  abstract listActive(role: Exclude<Role, 'user'>): Promise<User[]>;

  /**
   * Whether the user is active and still at `version`. A store that joins the caller's transaction also keeps it so until
   * that ends.
   */
  abstract holdVersion(id: string, version: number): Promise<boolean>;
}
