import { Injectable } from '@nestjs/common';
import { AuditService } from '../../audit/audit.service.js';
import type { SessionPrincipal } from '../../common/access.js';
import { networkOf } from '../../common/ip.js';
import { hashOfToken } from '../../common/one-time-token.js';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../../common/personal-data.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { DEFAULT_TENANT_ID } from '../../tenants/tenant.entity.js';
import { TenantsRepository } from '../../tenants/tenants.repository.js';
import { OnAccountChange, type AccountChange } from '../../users/account-changes.js';
import type { Credentials } from '../../users/users.repository.js';
import { InvalidTokenError, SessionNotFoundError } from '../auth.errors.js';
import type { Session } from './session.entity.js';
import { RefreshTokens } from './refresh-tokens.js';
import { SessionsRepository } from './sessions.repository.js';

/** Where a login comes from. */
export interface Client {
  readonly ip: string;
  readonly user_agent: string | undefined;
}

/** A session, and what its client gets of it. */
export interface OpenedSession extends Pick<Session, 'id' | 'user_id' | 'tenant_id'> {
  /** Good for the next refresh; only its hash is stored. */
  readonly refresh_token: string;
  /** In seconds, until the session ends unless it is refreshed. */
  readonly refresh_expires_in: number;
}

type ExportedSession = Pick<
  Session,
  'id' | 'auth_time' | 'user_agent' | 'ip' | 'created_at' | 'last_seen_at' | 'expires_at'
>;

/** Whoever knew what these were may be somebody else by now. */
const ENDING = ['email', 'password_hash', 'mfa_enabled'] as const;

const USER_AGENT_MAX = 300;
const SESSIONS_MAX = 20;

/** Logins that last: opened, shown, ended, and kept in step with their user's rights. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly tenants: TenantsRepository,
    private readonly audit: AuditService,
    private readonly database: Database,
    private readonly refreshTokens: RefreshTokens,
  ) {}

  /**
   * Joins the transaction in which the caller holds the user's version. One session too many ends the oldest.
   * @returns null when the user's tenant is disabled.
   */
  async open(
    { id: user_id, tenant_id, role }: Pick<Credentials, 'id' | 'tenant_id' | 'role'>,
    { ip, user_agent }: Client,
  ): Promise<OpenedSession | null> {
    if ((await this.tenants.find(tenant_id))?.status !== 'active') return null;
    const id = uuidv7();
    const refresh_token = this.refreshTokens.first(id);
    const refresh_expires_in = await this.sessions.insert({
      id,
      tenant_id,
      user_id,
      role,
      auth_time: new Date(),
      user_agent: user_agent?.slice(0, USER_AGENT_MAX) ?? null,
      ip: networkOf(ip),
      refresh_hash: hashOfToken(refresh_token),
    });
    await this.audit.record({
      tenant_id,
      action: 'authn_login_success',
      subject: { type: 'user', id: user_id },
      actor_id: user_id,
    });
    await this.makeRoom({ id, user_id, tenant_id });
    return { id, user_id, tenant_id, refresh_token, refresh_expires_in };
  }

  /** Writes down that a login failed, at either step. Nobody's account is the default tenant's affair. */
  async refuse(
    user: Pick<SessionPrincipal, 'id' | 'tenant_id'> | null,
    reason: 'invalid_credentials' | 'invalid_mfa_code' = 'invalid_credentials',
  ): Promise<void> {
    await this.database.asSystem(() =>
      this.audit.record({
        tenant_id: user?.tenant_id ?? DEFAULT_TENANT_ID,
        action: 'authn_login_fail',
        outcome: 'failure',
        reason,
        subject: { type: 'user', id: user?.id ?? null },
      }),
    );
  }

  /**
   * The session counts as just logged in. Joins the transaction in which the caller holds the user's version.
   * @throws {InvalidTokenError} it has ended meanwhile.
   */
  async renew({ id, tenant_id, session_id }: SessionPrincipal): Promise<void> {
    if (!(await this.sessions.renew(session_id, new Date()))) throw new InvalidTokenError();
    await this.audit.record({
      tenant_id,
      action: 'authn_login_success',
      reason: 'reauth',
      subject: { type: 'user', id },
    });
  }

  /** The caller's own, newest first. */
  list({ id }: SessionPrincipal): Promise<Session[]> {
    return this.sessions.list(id);
  }

  /** @throws {SessionNotFoundError} the caller has no session with this id. */
  async end(actor: SessionPrincipal, id: string): Promise<void> {
    await this.database.transaction(async () => {
      if ((await this.sessions.delete(actor.id, { id })) === 0) throw new SessionNotFoundError();
      await this.recordEnd(actor, id, 'revoked');
    });
  }

  /** @param scope - this session, all but this one, or all. */
  async logout(actor: SessionPrincipal, scope: 'local' | 'others' | 'global'): Promise<void> {
    const only = { local: { id: actor.session_id }, others: { except: actor.session_id }, global: {} }[scope];
    await this.database.transaction(async () => {
      await this.sessions.delete(actor.id, only);
      await this.recordEnd(actor, actor.session_id, `logout_${scope}`);
    });
  }

  /** Rights that are gone are gone from the sessions too, in the same transaction. */
  @OnAccountChange({})
  async followAccount({ action, user, changes, keeps_session }: AccountChange): Promise<void> {
    if (action === 'authz_change') await this.sessions.setRole(user.id, user.role);
    const ends =
      action === 'user_disabled' || action === 'user_logged_out' || ENDING.some((field) => changes.includes(field));
    if (ends) await this.sessions.delete(user.id, keeps_session ? { except: keeps_session } : {});
  }

  /**
   * Joins a transaction that holds the user's version, and keeps the session until that ends: what ends sessions has
   * happened before, or waits.
   * @throws {InvalidTokenError} the session that asks is over by now.
   */
  async assertLasts(actor: SessionPrincipal): Promise<void> {
    if (!(await this.sessions.hold(actor))) throw new InvalidTokenError();
  }

  /** Where the person is signed in. */
  @ExportsPersonalData({ part: 'sessions', tables: ['sessions'] })
  async export(user_id: string, page: ExportPage): Promise<ExportedSession[]> {
    const sessions = await this.sessions.page(user_id, page);
    return sessions.map(({ id, auth_time, user_agent, ip, created_at, last_seen_at, expires_at }) => {
      return { id, auth_time, user_agent, ip, created_at, last_seen_at, expires_at };
    });
  }

  /** Joins the transaction that deletes the account. */
  @ErasesPersonalData({ tables: ['sessions'] })
  async erase(user_id: string): Promise<void> {
    await this.sessions.delete(user_id);
  }

  private async makeRoom({ id, user_id, tenant_id }: Pick<Session, 'id' | 'user_id' | 'tenant_id'>): Promise<void> {
    // Logins at once share the user's version. Here they come one after the other, and each counts those before it.
    await this.database.lock(`sessions:${user_id}`);
    for (const evicted of await this.sessions.evict(user_id, id, SESSIONS_MAX)) {
      await this.recordEnd({ id: user_id, tenant_id }, evicted, 'too_many');
    }
  }

  /** @param actor - named, since at a login nobody is known to be asking. */
  private recordEnd(actor: Pick<SessionPrincipal, 'id' | 'tenant_id'>, id: string, reason: string): Promise<void> {
    return this.audit.record({
      tenant_id: actor.tenant_id,
      action: 'authn_token_revoked',
      reason,
      subject: { type: 'session', id },
      actor_id: actor.id,
    });
  }
}
