import { Injectable } from '@nestjs/common';
import { TokenResponse } from '../auth.dto.js';
import { Tokens } from '../tokens.js';
import { RefreshCookie, type CookieJar } from './refresh-cookie.js';
import type { OpenedSession } from './sessions.service.js';

/** What every route answers that opens a session or goes on with one. */
@Injectable()
export class TokenAnswers {
  constructor(
    private readonly tokens: Tokens,
    private readonly cookie: RefreshCookie,
  ) {}

  /**
   * @param jar - the answer, which gets the refresh token as a cookie where the client wants that.
   * @param in_cookie - then the body does not name it.
   */
  async give(opened: OpenedSession, jar: CookieJar, in_cookie = false): Promise<TokenResponse> {
    const { id: session_id, user_id, tenant_id, refresh_token, refresh_expires_in } = opened;
    if (in_cookie) this.cookie.write(jar, refresh_token, refresh_expires_in);
    return {
      access_token: await this.tokens.sign({ user_id, session_id, tenant_id }),
      token_type: 'Bearer',
      expires_in: this.tokens.expires_in,
      refresh_token: in_cookie ? null : refresh_token,
      refresh_expires_in: in_cookie ? null : refresh_expires_in,
    };
  }
}
