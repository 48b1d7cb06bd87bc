import { timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { hashOfToken } from '../../common/one-time-token.js';
import { Database } from '../../database/database.js';
import { Limiter } from '../../limits/limiter.js';
import { InvalidTokenError } from '../auth.errors.js';
import { RefreshTokens } from './refresh-tokens.js';
import { SessionsRepository, type RefreshState } from './sessions.repository.js';
import type { OpenedSession } from './sessions.service.js';
import { StolenTokens } from './stolen-tokens.js';

/** What a refresh token is to its session: the one that is good, the one before within its time, an older one, or nothing. */
type Standing = 'current' | 'repeated' | 'reused' | 'unknown';

/**
 * Exchanges refresh tokens. Each is good once and makes one successor, the same however often and wherever it is asked for,
 * so that an answer that was lost is given again and a session never has two lines of tokens. A token that comes back
 * later was copied: whoever holds the copy, the session ends.
 * @see https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
 */
@Injectable()
export class RefreshService {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly tokens: RefreshTokens,
    private readonly stolen: StolenTokens,
    private readonly limiter: Limiter,
    private readonly database: Database,
    private readonly checkpoints: Checkpoints,
  ) {}

  /**
   * Puts the session's end off. What it may do stays what its row says, and `auth_time` what it was.
   * @returns the session with its new token; with the very same one when the token before it is repeated in time.
   * @throws {InvalidTokenError} no token of a session that lasts, or one that was used before: that session has ended now.
   * @throws {RateLimitedError} this session was refreshed too often.
   */
  async refresh(token: string): Promise<OpenedSession> {
    await this.count(token);
    const refreshed = await this.use(token, (session, standing) =>
      standing === 'current' ? this.rotate(session, token) : this.repeat(session, token),
    );
    await this.checkpoints.reach('refresh.committed');
    return refreshed;
  }

  /**
   * @returns which session this token is good for, now or as the one before.
   * @throws {InvalidTokenError} as for a refresh, with the same consequence.
   */
  getSessionId(token: string): Promise<string> {
    return this.use(token, async ({ id }) => id);
  }

  /** Nobody but its holder uses up a session's limit, and what was copied is stopped however little is left of it. */
  private async count(token: string): Promise<void> {
    const id = this.tokens.sessionOf(token);
    if (id === null) return;
    const standing = this.standing(await this.database.asSystem(() => this.sessions.findRefreshState(id)), token);
    if (standing === 'current' || standing === 'repeated') await this.limiter.take({ refresh: id });
  }

  private async use<T>(
    token: string,
    then: (session: RefreshState, standing: Standing) => Promise<T | null>,
  ): Promise<T> {
    const id = this.tokens.sessionOf(token);
    if (id === null) throw new InvalidTokenError();
    const done = await this.database.asSystem(() =>
      this.database.transaction(async () => {
        const session = await this.sessions.lockRefreshState(id);
        const standing = this.standing(session, token);
        if (!session || standing === 'unknown') return null;
        if (standing !== 'reused') return then(session, standing);
        await this.stolen.stop(session);
        return null;
      }),
    );
    // Only here: thrown inside, it would take the end of the session back.
    if (done === null) throw new InvalidTokenError();
    return done;
  }

  private standing(session: RefreshState | null, token: string): Standing {
    if (!session) return 'unknown';
    const { refresh_hash, parent_hash, repeatable } = session;
    const hash = hashOfToken(token);
    if (refresh_hash && timingSafeEqual(refresh_hash, hash)) return 'current';
    if (parent_hash && timingSafeEqual(parent_hash, hash)) return repeatable ? 'repeated' : 'reused';
    return this.tokens.isOurs(token) ? 'reused' : 'unknown';
  }

  private async rotate({ id, user_id, tenant_id }: RefreshState, token: string): Promise<OpenedSession> {
    const { token: refresh_token, key_id } = this.tokens.successor(token);
    const refresh_expires_in = await this.sessions.rotate(id, hashOfToken(refresh_token), key_id);
    return { id, user_id, tenant_id, refresh_token, refresh_expires_in };
  }

  /** @returns null when the key that made the successor is gone: it cannot be made again. */
  private async repeat(session: RefreshState, token: string): Promise<OpenedSession | null> {
    const { id, user_id, tenant_id, refresh_hash, refresh_key_id, refresh_expires_in } = session;
    const refresh_token = this.tokens.successorBy(refresh_key_id, token);
    const isSame = refresh_token && refresh_hash?.equals(hashOfToken(refresh_token));
    return isSame ? { id, user_id, tenant_id, refresh_token, refresh_expires_in } : null;
  }
}
