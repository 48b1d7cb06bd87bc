import { Injectable } from '@nestjs/common';
import { CacheAside } from '../../cache/cache-aside.js';
import { isAdmin, type Principal } from '../../common/access.js';
import { Checkpoints } from '../../common/checkpoints.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { profileKey } from '../../redis/keys.js';
import { OnAccountChange, type AccountChange } from '../account-changes.js';
import type { User } from '../user.entity.js';
import { UserResponse } from '../users.dto.js';
import { UserNotFoundError } from '../users.errors.js';
import { UsersRepository } from '../users.repository.js';

/**
 * What is shown of an account, from a copy where there is one. Copies hold what leaves the house anyway and no secret; a
 * decision (login, guards, changes) never looks here, but asks the store.
 */
@Injectable()
export class Profiles {
  constructor(
    private readonly users: UsersRepository,
    private readonly cache: CacheAside,
    private readonly database: Database,
    private readonly timings: Timings,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** @throws {UserNotFoundError} no such user, or none that this caller may see: the own account, or an admin's tenant. */
  async get(actor: Principal, id: string): Promise<UserResponse> {
    const profile = isAdmin(actor) || actor.id === id ? await this.find(actor, id) : null;
    if (!profile) throw new UserNotFoundError(id);
    return profile;
  }

  @OnAccountChange({})
  async followAccount({ user: { tenant_id, id }, action }: AccountChange): Promise<void> {
    if (action === 'user_created') return;
    const key = profileKey(tenant_id, id);
    const hold = await this.cache.hold(key);
    const drop = (): Promise<void> => this.cache.drop(key, this.timings.profile_ms, hold);
    this.database.afterCommit(() => this.checkpoints.reach('profile.changed'));
    this.database.afterCommit(drop);
    // A store that only takes part in the transaction may have shown somebody what then came to nothing.
    this.database.afterRollback(drop);
  }

  /** Copies are of a tenant's own: what a platform admin sees elsewhere is neither taken from them nor put among them. */
  private async find({ role, tenant_id }: Principal, id: string): Promise<UserResponse | null> {
    const load = async (): Promise<UserResponse | null> => shown(await this.users.find(id));
    const own = await this.cache.read({
      key: profileKey(tenant_id, id),
      ttl_ms: this.timings.profile_ms,
      load: () => this.database.asTenant(tenant_id, () => this.users.find(id, tenant_id)).then(shown),
      write: (profile) => JSON.stringify(profile),
      read: revive,
    });
    return own ?? (role === 'platform_admin' ? this.database.asSystem(load) : null);
  }
}

const shown = (user: User | null): UserResponse | null => user && UserResponse.from(user);

const FIELDS = Object.keys(UserResponse.from({} as User))
  .toSorted()
  .join();

/** Another version of the code may have written it, with other fields. */
function revive(copy: string): UserResponse | null {
  const profile = JSON.parse(copy) as UserResponse;
  if (Object.keys(profile).toSorted().join() !== FIELDS) return null;
  return { ...profile, created_at: new Date(profile.created_at), updated_at: new Date(profile.updated_at) };
}
