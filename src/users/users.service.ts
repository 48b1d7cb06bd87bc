import { Injectable } from '@nestjs/common';
import { isAdmin, tenantToList, type Principal } from '../common/access.js';
import { emptyPage, type Page } from '../common/pagination.js';
import { Database } from '../database/database.js';
import { DEFAULT_TENANT_ID } from '../tenants/tenant.entity.js';
import { AccountChanges, type AccountChange } from './account-changes.js';
import { Authority, mayGrant } from './authority.js';
import { Newcomers } from './newcomers/newcomers.js';
import type { User } from './user.entity.js';
import type { ProfileUpdate, UserCreate, UserQuery, UserUpdate } from './users.dto.js';
import { ContendedError, InsufficientPermissionsError, UserNotFoundError } from './users.errors.js';
import { UsersRepository, type UserChanges } from './users.repository.js';

/** So often a change that takes no lock, such as a login's, may slip in between our reading and our writing. */
const TRIES = 5;

/** The rules for accounts. A user whom the caller does not reach is treated exactly like one that does not exist. */
@Injectable()
export class UsersService {
  constructor(
    private readonly users: UsersRepository,
    private readonly database: Database,
    private readonly newcomers: Newcomers,
    private readonly accounts: AccountChanges,
    private readonly authority: Authority,
  ) {}

  /** A page of one tenant's users: the caller's, or the one that a platform admin names. */
  async list(actor: Principal, query: UserQuery): Promise<Page<User>> {
    const tenant_id = tenantToList(actor, query.tenant_id);
    if (tenant_id === null) return emptyPage(query);
    const { page, per_page, q, role, status, sort } = query;
    const descending = sort.startsWith('-');
    const by = sort.replace('-', '') as 'created_at' | 'email' | 'full_name';
    const found = await this.database.reading(() =>
      this.database.asTenant(tenant_id, () =>
        this.users.list({ tenant_id, q, role, status, sort: by, descending, page, per_page }),
      ),
    );
    return { ...found, page, per_page };
  }

  /**
   * The account as the store has it now, for whoever is going to decide something; what is only shown comes from `Profiles`.
   * @throws {UserNotFoundError} no such user, or none that this caller may see: the own account, or an admin's tenant.
   */
  async get(actor: Principal, id: string): Promise<User> {
    const user = isAdmin(actor) || actor.id === id ? await this.reach(actor, () => this.users.find(id)) : null;
    if (!user) throw new UserNotFoundError(id);
    return user;
  }

  /**
   * Signs somebody up. Who is to hear of it, as who sends the welcome mail, does so within the same transaction.
   * @param actor - an admin's new user joins the admin's tenant; everybody else lands in `default`.
   * @throws {EmailTakenError} somebody has this address, also when two sign-ups race.
   * @throws {UsernameTakenError} somebody has this username.
   * @throws {InsufficientPermissionsError} the tenant is disabled; or the admin is one no more.
   * @throws {PasswordTooCommonError} the password is easily guessed.
   * @throws {OverloadedError} too many passwords are being hashed.
   */
  async create({ email, password, full_name, username }: UserCreate, actor?: Principal): Promise<User> {
    const admin = actor && isAdmin(actor) ? actor : null;
    const tenant_id = admin?.tenant_id ?? DEFAULT_TENANT_ID;
    const user = await this.newcomers.prepare({ tenant_id, email, password, full_name, username });
    await this.database.asTenant(tenant_id, () =>
      this.database.transaction(async () => {
        if (admin) await this.authority.hold(admin);
        await this.newcomers.admit(user);
      }),
    );
    return user;
  }

  /** @throws {UsernameTakenError} somebody else has this username. */
  updateProfile(actor: Principal, changes: ProfileUpdate): Promise<User> {
    return this.change(actor, actor.id, changes);
  }

  /**
   * Changes any account within reach. What only an admin may change, nobody changes on the own account.
   * @throws {UserNotFoundError} no such user within reach.
   * @throws {InsufficientPermissionsError} a field, or this user, is not the caller's to change.
   * @throws {LastAdminError} nobody active would be left in charge.
   * @throws {EmailTakenError} somebody else has this address.
   * @throws {UsernameTakenError} somebody else has this username.
   */
  update(actor: Principal, id: string, changes: UserUpdate): Promise<User> {
    return this.change(actor, id, changes);
  }

  /**
   * Deletes somebody else's account and every trace of the person.
   * @throws {InsufficientPermissionsError} the own account, or a platform admin's by an admin.
   * @throws {UserNotFoundError} no such user within reach.
   * @throws {LastAdminError} nobody active would be left in charge.
   */
  async delete(actor: Principal, id: string): Promise<void> {
    if (actor.id === id) throw new InsufficientPermissionsError();
    await this.remove(actor, id);
  }

  /** @throws {LastAdminError} nobody active would be left in charge. */
  deleteOwn(actor: Principal): Promise<void> {
    return this.remove(actor, actor.id);
  }

  private change(actor: Principal, id: string, requested: UserUpdate): Promise<User> {
    return this.alter(actor, id, async (user, asking) => {
      const changes = differences(user, requested);
      assertMayChange(asking, user, changes);
      if (changes.email !== undefined) changes.email_verified = false;
      if (Object.keys(changes).length === 0) return user;
      await this.authority.assertSomebodyStays(user, { role: user.role, status: user.status, ...changes });
      const changed = await this.users.update(id, user.version, changes);
      if (!changed) return null;
      for (const action of actionsOf(changes)) {
        const old_email = user.email;
        await this.accounts.publish({ action, user: changed, changes: fieldsOf(action, changes), old_email });
      }
      return changed;
    });
  }

  private async remove(actor: Principal, id: string): Promise<void> {
    await this.alter(actor, id, async (user, asking) => {
      assertMayChange(asking, user, {});
      await this.authority.assertSomebodyStays(user, null);
      if (!(await this.users.delete(id, user.version))) return null;
      await this.accounts.publish({ action: 'user_deleted', user, changes: [] });
      return user;
    });
  }

  /** Reads, lets `work` decide and write, and starts over when it found (null) that the user has changed meanwhile. */
  private alter(
    actor: Principal,
    id: string,
    work: (user: User, asking: Principal) => Promise<User | null>,
  ): Promise<User> {
    return this.reach(actor, () =>
      this.database.transaction(async () => {
        // One after the other, so that the many do not keep each other from ever being served.
        await this.database.lock(`account:${id}`);
        for (let attempt = 1; attempt <= TRIES; attempt++) {
          const seen = await this.get(actor, id);
          const waited = await this.authority.holdFor(actor, seen);
          const user = waited ? await this.get(actor, id) : seen;
          // On the own account the rights are those of this moment: they may have been given or taken meanwhile.
          const done = await work(user, actor.id === id ? { ...actor, role: user.role } : actor);
          if (done) return done;
        }
        throw new ContendedError(1);
      }),
    );
  }

  private reach<T>(actor: Principal, work: () => Promise<T>): Promise<T> {
    return this.database.asPrincipal(actor, work);
  }
}

/** Only what is really to change: repeating what is there already asks for nothing. */
function differences(user: User, { email, username, full_name, role, status }: UserUpdate): UserChanges {
  const asked = Object.entries({ email, username, full_name, role, status });
  return Object.fromEntries(asked.filter(([name, value]) => value !== undefined && value !== user[name as keyof User]));
}

/** Who may do what to whom: everybody changes the own names, admins the rest of others, platform admins alone each other. */
function assertMayChange(actor: Principal, user: User, { email, role, status }: UserChanges): void {
  const own = actor.id === user.id;
  const forbidden =
    (email !== undefined && !isAdmin(actor)) ||
    ((role !== undefined || status !== undefined) && (own || !isAdmin(actor))) ||
    (role !== undefined && !mayGrant(actor, role, user.tenant_id)) ||
    (user.role === 'platform_admin' && actor.role !== 'platform_admin');
  if (forbidden) throw new InsufficientPermissionsError();
}

type Action = AccountChange['action'];

/** One event for each kind of change, so that the trail tells them apart. */
function actionsOf(changes: UserChanges): Action[] {
  const actions: Action[] = [];
  if (changes.role !== undefined) actions.push('authz_change');
  if (changes.status !== undefined) actions.push(changes.status === 'active' ? 'user_enabled' : 'user_disabled');
  if ('email' in changes || 'username' in changes || 'full_name' in changes) actions.push('user_updated');
  return actions;
}

function fieldsOf(action: Action, changes: UserChanges): (keyof User)[] {
  const names = Object.keys(changes) as (keyof User)[];
  if (action === 'authz_change') return ['role'];
  return action === 'user_updated' ? names.filter((name) => name !== 'role' && name !== 'status') : ['status'];
}
