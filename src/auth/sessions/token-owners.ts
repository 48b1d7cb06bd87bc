import { Injectable } from '@nestjs/common';
import type { SessionPrincipal } from '../../common/access.js';
import { Database } from '../../database/database.js';
import { UsersRepository } from '../../users/users.repository.js';
import { InvalidTokenError } from '../auth.errors.js';
import { Tokens } from '../tokens.js';
import { SessionsRepository } from './sessions.repository.js';

/** Whose an access token is. */
@Injectable()
export class TokenOwners {
  constructor(
    private readonly tokens: Tokens,
    private readonly sessions: SessionsRepository,
    private readonly users: UsersRepository,
    private readonly database: Database,
  ) {}

  /**
   * @param token - an access token (RFC 9068).
   * @throws {InvalidTokenError} it is not ours, or over, or its session is; where its owner is gone it says that.
   */
  async find(token: string): Promise<SessionPrincipal> {
    const { sid, sub, tid } = await this.tokens.verify(token);
    const principal = await this.sessions.findPrincipal(sid);
    if (principal?.id === sub && principal.tenant_id === tid) return principal;
    const owner = await this.database.asSystem(() => this.users.find(sub));
    throw new InvalidTokenError(owner ? undefined : 'User not found');
  }
}
