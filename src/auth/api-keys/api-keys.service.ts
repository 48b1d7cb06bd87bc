import { Injectable } from '@nestjs/common';
import { AuditService } from '../../audit/audit.service.js';
import { scopesOf, type SessionPrincipal } from '../../common/access.js';
import { hashOfToken } from '../../common/one-time-token.js';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../../common/personal-data.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { OnAccountChange, type AccountChange } from '../../users/account-changes.js';
import type { User } from '../../users/user.entity.js';
import { ContendedError } from '../../users/users.errors.js';
import { UsersRepository } from '../../users/users.repository.js';
import { EmailNotVerifiedError, InvalidTokenError } from '../auth.errors.js';
import { SessionsService } from '../sessions/sessions.service.js';
import type { ApiKey, MadeApiKey, ShownApiKey } from './api-key.entity.js';
import type { ApiKeyCreate, ApiKeyRotate } from './api-keys.dto.js';
import { ApiKeyNotFoundError, beyondRights, inThePast, tooManyKeys } from './api-keys.errors.js';
import { ApiKeysRepository } from './api-keys.repository.js';
import { newKey } from './key-text.js';

/** So many keys a user may have at once: enough for every program, and a list that can be read. */
const MOST_KEYS = 100;
/** How long a key goes on beside the one that takes its place, unless told: a day to bring the new one everywhere. */
const OVERLAP_SECONDS = 24 * 60 * 60;
/** So often an account may change while we look at it. */
const TRIES = 3;

/** Keys for programs: made, shown, exchanged and ended by their owner, and kept in step with the owner's rights. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly users: UsersRepository,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /**
   * Makes a key for the caller.
   * @param given - without `scopes`, all that the caller may; without `expires_at`, for good.
   * @throws {ValidationError} a scope beyond the caller's rights, an expiry that has passed, or too many keys.
   * @throws {EmailNotVerifiedError}
   * @throws {InvalidTokenError} the caller's session has ended meanwhile.
   */
  create(actor: SessionPrincipal, { name, scopes, expires_at = undefined }: ApiKeyCreate): Promise<MadeApiKey> {
    return this.write(actor, async ({ id: user_id, tenant_id, role }) => {
      const created_at = new Date();
      if (expires_at && expires_at <= created_at) throw inThePast();
      const allowed = scopesOf(role);
      if (scopes?.some((scope) => !allowed.includes(scope))) throw beyondRights();
      if ((await this.keys.count(user_id)) >= MOST_KEYS) throw tooManyKeys(MOST_KEYS);
      const id = uuidv7();
      const key = newKey(id);
      const shown = {
        id,
        name,
        scopes: allowed.filter((scope) => scopes?.includes(scope) ?? true),
        expires_at: expires_at ?? null,
        created_at,
      };
      await this.keys.insert({ ...shown, tenant_id, user_id, role, key_hash: hashOfToken(key) });
      await this.record('apikey_created', tenant_id, id);
      return { ...shown, last_used_at: null, key };
    });
  }

  /** The caller's own that are not over, newest first. */
  list({ id }: SessionPrincipal): Promise<ShownApiKey[]> {
    return this.keys.list(id);
  }

  /**
   * Puts a new key in the place of one of the caller's: same id, name, scopes and expiry. The old one goes on for a while;
   * whichever went on from an earlier exchange is over at once.
   * @throws {ApiKeyNotFoundError} the caller has no such key.
   * @throws {EmailNotVerifiedError}
   * @throws {InvalidTokenError} the caller's session has ended meanwhile.
   */
  rotate(actor: SessionPrincipal, id: string, given: ApiKeyRotate): Promise<MadeApiKey> {
    const { overlap_seconds = OVERLAP_SECONDS } = given;
    return this.write(actor, async ({ id: user_id, tenant_id }) => {
      const key = newKey(id);
      const replaced = await this.keys.replace(user_id, id, hashOfToken(key), overlap_seconds);
      const shown = replaced ? await this.keys.find(user_id, id) : null;
      if (!shown) throw new ApiKeyNotFoundError();
      await this.record('apikey_rotated', tenant_id, id);
      return { ...shown, key };
    });
  }

  /**
   * Ends one of the caller's keys, from the next request on.
   * @throws {ApiKeyNotFoundError} the caller has no such key.
   */
  async delete({ id: user_id, tenant_id }: SessionPrincipal, id: string): Promise<void> {
    await this.database.transaction(async () => {
      if (!(await this.keys.delete(user_id, id))) throw new ApiKeyNotFoundError();
      await this.record('apikey_revoked', tenant_id, id);
    });
  }

  /** No key outlasts the rights that it was made with, nor a password that somebody had to recover. */
  @OnAccountChange({})
  async followAccount({ action, user, reason }: AccountChange): Promise<void> {
    if (action === 'user_disabled' || action === 'user_enabled') await this.keys.setStatus(user.id, user.status);
    if (action === 'authn_password_change' && reason === 'reset') await this.revokeBeyond(user, [], 'password_reset');
    if (action === 'authz_change') {
      await this.revokeBeyond(user, scopesOf(user.role), 'authz_change');
      await this.keys.setRole(user.id, user.role);
    }
  }

  /** Which programs the person has let in. */
  @ExportsPersonalData({ part: 'api_keys', tables: ['api_keys'] })
  async export(user_id: string, page: ExportPage): Promise<ShownApiKey[]> {
    const keys = await this.keys.page(user_id, page);
    return keys.map(({ id, name, scopes, expires_at, last_used_at, created_at }) => {
      return { id, name, scopes, expires_at, last_used_at, created_at };
    });
  }

  /** Joins the transaction that deletes the account. */
  @ErasesPersonalData({ tables: ['api_keys'] })
  async erase(user_id: string): Promise<void> {
    await this.keys.deleteBeyond(user_id, []);
  }

  private async revokeBeyond({ id, tenant_id }: User, scopes: ApiKey['scopes'], reason: string): Promise<void> {
    const revoked = await this.keys.deleteBeyond(id, scopes);
    for (const key_id of revoked) await this.record('apikey_revoked', tenant_id, key_id, reason);
  }

  /**
   * Writes a key while the account and the session stay what they are: neither can lose its rights before this is done, and
   * whatever takes them away afterwards finds the key.
   */
  private write<T>(actor: SessionPrincipal, work: (user: User) => Promise<T>): Promise<T> {
    return this.database.transaction(async () => {
      // One after the other, so that many at once do not make more keys than there may be.
      await this.database.lock(`api-keys:${actor.id}`);
      for (let attempt = 1; attempt <= TRIES; attempt++) {
        const user = await this.users.find(actor.id);
        if (user?.status !== 'active') throw new InvalidTokenError();
        // The guard has seen it so; it may be another address by now.
        if (!user.email_verified) throw new EmailNotVerifiedError();
        if (!(await this.users.holdVersion(user.id, user.version))) continue;
        await this.sessions.assertLasts(actor);
        return work(user);
      }
      throw new ContendedError(1);
    });
  }

  private record(
    action: 'apikey_created' | 'apikey_rotated' | 'apikey_revoked',
    tenant_id: string,
    id: string,
    reason?: string,
  ): Promise<void> {
    return this.audit.record({ tenant_id, action, subject: { type: 'api_key', id }, ...(reason && { reason }) });
  }
}
