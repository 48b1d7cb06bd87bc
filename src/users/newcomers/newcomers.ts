import { Injectable } from '@nestjs/common';
import type { Role } from '../../common/access.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { TenantsRepository } from '../../tenants/tenants.repository.js';
import { AccountChanges, type AccountChange } from '../account-changes.js';
import { Passwords } from '../passwords.js';
import { User } from '../user.entity.js';
import { EmailTakenError, InsufficientPermissionsError } from '../users.errors.js';
import { UsersRepository } from '../users.repository.js';

/** What is given for a new account. */
interface Given {
  readonly tenant_id: string;
  /** In lower case. */
  readonly email: string;
  readonly full_name: string;
  readonly username?: string | undefined;
  readonly role?: Role;
  readonly email_verified?: boolean;
}

type WithPassword = Given & { readonly password: string };

/** How an account comes to be, by whichever door: a sign-up, an invitation, the first start. */
@Injectable()
export class Newcomers {
  constructor(
    private readonly users: UsersRepository,
    private readonly tenants: TenantsRepository,
    private readonly passwords: Passwords,
    private readonly accounts: AccountChanges,
    private readonly database: Database,
  ) {}

  /**
   * Saves the hashing; the constraint still decides.
   * @throws {EmailTakenError} somebody has this address.
   */
  async assertFree(email: string): Promise<void> {
    if (await this.database.asSystem(() => this.users.findCredentials(email))) throw new EmailTakenError();
  }

  /**
   * Makes an account that is nowhere yet. It hashes, so call it before the transaction in which it is admitted.
   * @throws {EmailTakenError} somebody has this address.
   * @throws {InsufficientPermissionsError} the tenant is disabled and takes nobody in.
   * @throws {PasswordTooCommonError} the password is easily guessed.
   * @throws {OverloadedError} too many passwords are being hashed.
   */
  async prepare(given: WithPassword): Promise<User> {
    await this.assertFree(given.email);
    const tenant = await this.database.asSystem(() => this.tenants.find(given.tenant_id));
    if (tenant?.status !== 'active') throw new InsufficientPermissionsError();
    return this.make(given);
  }

  /**
   * The same where nobody else decides whether there is room.
   * @throws {PasswordTooCommonError} the password is easily guessed.
   * @throws {OverloadedError} too many passwords are being hashed.
   */
  async make({ password, may_be_common, ...given }: WithPassword & { readonly may_be_common?: true }): Promise<User> {
    const password_hash = await this.passwords.hash(password, { owner: given, may_be_common });
    return newUser({ ...given, password_hash });
  }

  /**
   * Joins the caller's transaction and scope.
   * @throws {EmailTakenError} somebody has this address, also when two race for it.
   * @throws {UsernameTakenError} somebody has this username.
   */
  async admit(user: User, how: Pick<AccountChange, 'changes' | 'reason'> = { changes: [] }): Promise<void> {
    await this.users.insert(user);
    await this.accounts.publish({ action: 'user_created', user, ...how });
  }
}

/** A user as everybody starts, unless it is said otherwise: no rights, nothing verified. */
export function newUser({
  username,
  role = 'user',
  email_verified = false,
  ...given
}: Given & Pick<User, 'password_hash'>): User {
  const now = new Date();
  return Object.assign(new User(), {
    id: uuidv7(),
    ...given,
    username: username ?? null,
    username_key: username?.toLowerCase() ?? null,
    role,
    status: 'active',
    email_verified,
    mfa_enabled: false,
    version: 1,
    created_at: now,
    updated_at: now,
  } satisfies User);
}
