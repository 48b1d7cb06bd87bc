import { Injectable } from '@nestjs/common';
import { MoreThan, Not } from 'typeorm';
import type { Role, SessionPrincipal } from '../../common/access.js';
import type { ExportPage } from '../../common/personal-data.js';
import { Settings } from '../../config/settings.js';
import { Timings } from '../../config/timings.js';
import { Database } from '../../database/database.js';
import { exportPageOf } from '../../database/keyset.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import { Session } from './session.entity.js';

export type NewSession = Omit<
  Session,
  'last_seen_at' | 'created_at' | 'expires_at' | 'parent_hash' | 'refreshed_at' | 'refresh_key_id'
>;

/** What decides about a refresh token. */
export type RefreshState = Pick<
  Session,
  'id' | 'user_id' | 'tenant_id' | 'refresh_hash' | 'parent_hash' | 'refresh_key_id'
> & {
  /** Whether the token before may still be repeated. */
  readonly repeatable: boolean;
  /** In seconds. */
  readonly refresh_expires_in: number;
};

const DAY_S = 24 * 60 * 60;

/** Until a session ends that nobody refreshes, in whole seconds. */
const EXPIRES_IN = 'floor(extract(epoch FROM s.expires_at - now()))::int AS refresh_expires_in';

/** Every question that the product asks about sessions. */
@Injectable()
export class SessionsRepository {
  constructor(
    private readonly database: Database,
    private readonly timings: Timings,
    private readonly settings: Settings,
  ) {}

  /** @returns in how many seconds it ends, unless it is refreshed. */
  async insert(session: NewSession): Promise<number> {
    const { REFRESH_TOKEN_EXPIRE_DAYS, SESSION_MAX_DAYS } = this.settings;
    const expires_in = Math.min(REFRESH_TOKEN_EXPIRE_DAYS, SESSION_MAX_DAYS) * DAY_S;
    const expires_at = new Date(Date.now() + expires_in * 1_000);
    await this.database.run((manager) => manager.insert(Session, { ...session, expires_at }));
    return expires_in;
  }

  /** Whose request this is, by one look-up in the database: the session, its user's rights and its tenant as they are now. */
  async findPrincipal(session_id: string): Promise<SessionPrincipal | null> {
    const [row] = await this.database.call<Omit<SessionPrincipal, 'id' | 'session_id'> & { user_id: string }>(
      'SELECT user_id, tenant_id, role, auth_time, requests_per_minute FROM session_principal($1, make_interval(secs => $2))',
      [session_id, this.timings.last_seen_ms / 1_000],
    );
    if (!row) return null;
    const { user_id, ...rights } = row;
    return { id: user_id, session_id, ...rights };
  }

  page(user_id: string, page: ExportPage): Promise<Session[]> {
    return this.database.run((manager) =>
      exportPageOf(
        manager.createQueryBuilder(Session, 'session').where('session.user_id = :user_id', { user_id }),
        page,
      ),
    );
  }

  /** @returns null when the session is over or its tenant closed. */
  findRefreshState(id: string): Promise<RefreshState | null> {
    return this.refreshState(id, '');
  }

  /**
   * Keeps the session as it is until the caller's transaction ends: a change to its user's rights comes before or after a
   * refresh, never within. @returns null when the session is over or its tenant closed.
   */
  lockRefreshState(id: string): Promise<RefreshState | null> {
    return this.refreshState(id, 'FOR UPDATE OF s');
  }

  /**
   * The successor takes the token's place, and the session ends later. Wants the session locked.
   * @returns in how many seconds it ends now.
   */
  async rotate(id: string, successor_hash: Buffer, key_id: string): Promise<number> {
    const [[{ refresh_expires_in }]] = await this.database.run((manager) =>
      manager.query<[[{ refresh_expires_in: number }]]>(
        `UPDATE sessions AS s
         SET refresh_hash = $2, parent_hash = refresh_hash, refreshed_at = now(), refresh_key_id = $3, last_seen_at = now(),
           expires_at = least(now() + $4 * interval '1 second', created_at + $5 * interval '1 second')
         WHERE id = $1 RETURNING ${EXPIRES_IN}`,
        [id, successor_hash, key_id, this.settings.REFRESH_TOKEN_EXPIRE_DAYS * DAY_S, this.max_s],
      ),
    );
    return refresh_expires_in;
  }

  /** Ends a user's oldest sessions, but never `kept`, so that at most so many are left. @returns those that it ended. */
  async evict(user_id: string, kept: string, most: number): Promise<string[]> {
    const [evicted] = await this.database.run((manager) =>
      manager.query<[{ id: string }[], number]>(
        `DELETE FROM sessions WHERE id IN (
           SELECT id FROM sessions WHERE user_id = $1 AND id <> $2 AND expires_at > now()
           ORDER BY created_at DESC, id DESC OFFSET $3
         ) RETURNING id`,
        [user_id, kept, most - 1],
      ),
    );
    return evicted.map(({ id }) => id);
  }

  /** Whether the session lasts; then it does until the caller's transaction ends. */
  async hold({ id: user_id, session_id }: SessionPrincipal): Promise<boolean> {
    const held = await this.database.run((manager) =>
      manager.findOne(Session, {
        select: { id: true },
        where: { id: session_id, user_id, expires_at: MoreThan(new Date()) },
        lock: { mode: 'pessimistic_read' },
      }),
    );
    return held !== null;
  }

  /** Newest first. */
  list(user_id: string): Promise<Session[]> {
    return this.database.run((manager) =>
      manager.find(Session, {
        where: { user_id, expires_at: MoreThan(new Date()) },
        order: { created_at: 'DESC', id: 'DESC' },
      }),
    );
  }

  @DeletesExpired('sessions')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'sessions' });
  }

  /** @returns whether it has not ended. */
  async renew(id: string, auth_time: Date): Promise<boolean> {
    const { affected } = await this.database.run((manager) => manager.update(Session, { id }, { auth_time }));
    return affected === 1;
  }

  async setRole(user_id: string, role: Role): Promise<void> {
    await this.database.run((manager) => manager.update(Session, { user_id }, { role }));
  }

  /** @returns how many there were. */
  async delete(user_id: string, only: { id?: string; except?: string } = {}): Promise<number> {
    const { id, except } = only;
    const { affected } = await this.database.run((manager) =>
      manager.delete(Session, { user_id, ...(id && { id }), ...(except && { id: Not(except) }) }),
    );
    return affected ?? 0;
  }

  private get max_s(): number {
    return this.settings.SESSION_MAX_DAYS * DAY_S;
  }

  private async refreshState(id: string, lock: 'FOR UPDATE OF s' | ''): Promise<RefreshState | null> {
    const [state] = await this.database.run((manager) =>
      manager.query<RefreshState[]>(
        `SELECT s.id, s.user_id, s.tenant_id, s.refresh_hash, s.parent_hash, s.refresh_key_id, ${EXPIRES_IN},
           coalesce(s.refreshed_at > now() - $2 * interval '1 millisecond', false) AS repeatable
         FROM sessions s JOIN tenants t ON t.id = s.tenant_id
         WHERE s.id = $1 AND least(s.expires_at, s.created_at + $3 * interval '1 second') > now() AND t.status = 'active'
         ${lock}`,
        [id, this.timings.refresh_repeat_ms, this.max_s],
      ),
    );
    return state ?? null;
  }
}
