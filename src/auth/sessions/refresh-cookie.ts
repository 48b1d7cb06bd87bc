import { Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { ValidationError } from '../../common/service-error.js';
import { InvalidTokenError, OriginNotAllowedError } from '../auth.errors.js';

/** The headers that a browser sends by itself. */
export interface BrowserHeaders {
  readonly cookie?: string;
  readonly origin?: string;
}

/** The part of an answer that keeps cookies (@fastify/cookie). */
export interface CookieJar {
  setCookie(name: string, value: string, options: object): unknown;
  clearCookie(name: string, options: object): unknown;
}

/** The refresh token of a web page that must not see it. A browser sends it to the routes below /auth and nowhere else. */
@Injectable()
export class RefreshCookie {
  private readonly name: string;
  private readonly attributes: object;
  private readonly origins: ReadonlySet<string>;

  constructor({ PUBLIC_URL, CORS_ORIGINS = [] }: Settings) {
    const { origin, protocol, hostname } = new URL(PUBLIC_URL);
    // The prefix binds the name to Secure, and browsers take neither from a developer's machine.
    const secure = !(protocol === 'http:' && hostname === 'localhost');
    this.name = secure ? '__Secure-omni_refresh' : 'omni_refresh';
    this.attributes = { path: '/api/v1/auth', httpOnly: true, sameSite: 'strict', secure };
    this.origins = new Set([origin, ...CORS_ORIGINS]);
  }

  /**
   * @returns the token, or undefined where there is no such cookie.
   * @throws {OriginNotAllowedError} the cookie came along with a request that no page of ours made.
   * @throws {InvalidTokenError} there are two: one of them was planted by a neighbouring host, and nobody knows which.
   */
  read(headers: BrowserHeaders): string | undefined {
    const [token, another] = this.tokensIn(headers);
    if (token === undefined) return undefined;
    if (headers.origin === undefined || !this.origins.has(headers.origin)) throw new OriginNotAllowedError();
    if (another !== undefined) throw new InvalidTokenError();
    return token;
  }

  /**
   * The token of a body, or else of the cookie.
   * @throws {ValidationError} both: nobody knows which is meant.
   * @throws {InvalidTokenError} neither, or as {@link read}.
   * @throws {OriginNotAllowedError} as {@link read}.
   */
  choose(headers: BrowserHeaders, given: string | undefined): { readonly token: string; readonly in_cookie: boolean } {
    if (given !== undefined && this.tokensIn(headers).length > 0) {
      const message = 'must not be given together with the cookie';
      throw new ValidationError([{ pointer: '#/refresh_token', code: 'exclusive', message }]);
    }
    const token = given ?? this.read(headers);
    if (token === undefined) throw new InvalidTokenError();
    return { token, in_cookie: given === undefined };
  }

  /** @param maxAge - in seconds. */
  write(jar: CookieJar, token: string, maxAge: number): void {
    jar.setCookie(this.name, token, { ...this.attributes, maxAge });
  }

  /** From whoever sent one. */
  takeBack(headers: BrowserHeaders, jar: CookieJar): void {
    if (this.tokensIn(headers).length > 0) jar.clearCookie(this.name, this.attributes);
  }

  private tokensIn({ cookie = '' }: BrowserHeaders): string[] {
    const start = `${this.name}=`;
    const pairs = cookie.split(';').map((pair) => pair.trim());
    return pairs.filter((pair) => pair.startsWith(start)).map((pair) => pair.slice(start.length));
  }
}
