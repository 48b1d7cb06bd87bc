import { Injectable } from '@nestjs/common';
import type { KeyPrincipal, Principal } from '../common/access.js';
import { hashOfToken } from '../common/one-time-token.js';
import { ApiKeysRepository } from './api-keys/api-keys.repository.js';
import { idIn, looksLikeKey } from './api-keys/key-text.js';
import { SeenKeys } from './api-keys/seen-keys.js';
import { InvalidTokenError } from './auth.errors.js';
import { RefreshCookie, type BrowserHeaders } from './sessions/refresh-cookie.js';
import { RefreshService } from './sessions/refresh.service.js';
import { SessionsRepository } from './sessions/sessions.repository.js';
import { TokenOwners } from './sessions/token-owners.js';
import { bearerToken } from './tokens.js';

/** The headers that may say who asks. */
type Credentials = { readonly authorization?: string } & BrowserHeaders;

/** Who asks, by what the request brings: an access token, or an API key. Nothing else is identity. */
@Injectable()
export class Identities {
  constructor(
    private readonly owners: TokenOwners,
    private readonly sessions: SessionsRepository,
    private readonly keys: ApiKeysRepository,
    private readonly seen: SeenKeys,
    private readonly cookie: RefreshCookie,
    private readonly refreshes: RefreshService,
  ) {}

  /**
   * @param authorization - the header.
   * @returns null where nothing was given.
   * @throws {InvalidTokenError} what was given proves nothing.
   */
  async find(authorization: string | undefined): Promise<Principal | null> {
    if (authorization === undefined) return null;
    const token = bearerToken(authorization);
    if (token === null) throw new InvalidTokenError();
    const principal = await (looksLikeKey(token) ? this.findByKey(token) : this.owners.find(token));
    if (!principal) throw new InvalidTokenError();
    return principal;
  }

  /**
   * The same where the refresh cookie is an identity too. A browser's access token may well be over while its cookie is
   * good: then it is as if there were none.
   * @throws {InvalidTokenError} what was given proves nothing.
   * @throws {OriginNotAllowedError} the page that sent the cookie is not one of ours.
   */
  async findInBrowser({ authorization, ...headers }: Credentials): Promise<Principal | null> {
    const token = this.cookie.read(headers);
    if (token === undefined) return this.find(authorization);
    const principal = await this.find(authorization).catch((error: unknown) => {
      if (error instanceof InvalidTokenError) return null;
      throw error;
    });
    return principal ?? this.sessions.findPrincipal(await this.refreshes.getSessionId(token));
  }

  private async findByKey(key: string): Promise<KeyPrincipal | null> {
    const id = idIn(key);
    if (id === null) return null;
    const hash = hashOfToken(key);
    const principal = await this.keys.findPrincipal(id, hash);
    if (principal) this.seen.remember(hash, id);
    else this.seen.forget(hash);
    return principal;
  }
}
