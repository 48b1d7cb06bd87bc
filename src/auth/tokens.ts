import { createSecretKey, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { isId } from '../common/fields.js';
import { Keyring } from '../common/keyring.js';
import { requestContext, type RequestContext } from '../common/request-context.js';
import { uuidv7 } from '../common/uuid.js';
import { Settings } from '../config/settings.js';
import { NamesClient } from '../limits/request-limits.js';
import { InvalidTokenError } from './auth.errors.js';

const ISSUER = 'omni';
const TYPE = 'at+jwt';
const PURPOSE = 'access-token';
const LEEWAY_SECONDS = 30;
const MAX_LENGTH = 4_096;

/** @returns the token of an Authorization header (RFC 6750 section 2.1); null where it is another scheme's, or none. */
export const bearerToken = (authorization: string): string | null =>
  /^Bearer ([^\s,]+)$/i.exec(authorization)?.[1] ?? null;

interface Claims {
  readonly sub: string;
  readonly sid: string;
  readonly tid: string;
  readonly jti: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
}

/**
 * Makes and proves access tokens. @nestjs/jwt asks for nothing by itself; here algorithm, type, key id, issuer, audience
 * and every claim are required, and nothing in a token chooses how it is checked.
 * @see https://www.rfc-editor.org/rfc/rfc9068 and https://www.rfc-editor.org/rfc/rfc8725
 */
@Injectable()
export class Tokens {
  private readonly keys = new Map<string, KeyObject>();
  private readonly verified = new WeakMap<RequestContext, { token: string; claims: Promise<Claims> }>();

  constructor(
    private readonly jwt: JwtService,
    private readonly keyring: Keyring,
    private readonly settings: Settings,
  ) {}

  /** Life of a new token, in seconds. */
  get expires_in(): number {
    return this.settings.ACCESS_TOKEN_EXPIRE_MINUTES * 60;
  }

  sign({
    user_id,
    session_id,
    tenant_id,
  }: {
    user_id: string;
    session_id: string;
    tenant_id: string;
  }): Promise<string> {
    const kid = this.keyring.current;
    return this.jwt.signAsync(
      { sid: session_id, tid: tenant_id },
      {
        algorithm: this.settings.ALGORITHM,
        privateKey: this.key(kid),
        header: { alg: this.settings.ALGORITHM, typ: TYPE, kid },
        issuer: ISSUER,
        audience: ISSUER,
        subject: user_id,
        jwtid: uuidv7(),
        notBefore: 0,
        expiresIn: this.expires_in,
      },
    );
  }

  /**
   * Once in each request: the limits ask whose it is, and the guard asks again.
   * @throws {InvalidTokenError} it is not one of ours, or not one for this, or its time is over.
   */
  verify(token: string): Promise<Claims> {
    const request = requestContext();
    const known = request && this.verified.get(request);
    if (known?.token === token) return known.claims;
    const claims = this.prove(token);
    if (request) this.verified.set(request, { token, claims });
    return claims;
  }

  private async prove(token: string): Promise<Claims> {
    const key = token.length <= MAX_LENGTH ? this.keyFor(token) : undefined;
    if (!key) throw new InvalidTokenError();
    try {
      const claims = await this.jwt.verifyAsync<Record<string, unknown>>(token, {
        // jsonwebtoken takes it; the types of @nestjs/jwt do not say so.
        publicKey: key as unknown as Buffer,
        algorithms: [this.settings.ALGORITHM],
        issuer: ISSUER,
        audience: ISSUER,
        clockTolerance: LEEWAY_SECONDS,
      });
      if (isComplete(claims)) return claims;
    } catch {
      // Why it is not valid is nobody's business.
    }
    throw new InvalidTokenError();
  }

  /** @returns whose token it is, if it is valid by itself; whether its session lasts is not asked. */
  @NamesClient({})
  async findUser(authorization: string): Promise<string | null> {
    const token = bearerToken(authorization);
    return token === null
      ? null
      : this.verify(token).then(
          ({ sub }) => sub,
          () => null,
        );
  }

  /** The header is read for the key's name only; a name that the ring does not hold is no key. */
  private keyFor(token: string): KeyObject | undefined {
    try {
      const { header } = this.jwt.decode<{ header: Record<string, unknown> }>(token, { complete: true });
      const { alg, typ, kid } = header;
      if (alg !== this.settings.ALGORITHM || typ !== TYPE || typeof kid !== 'string') return undefined;
      return this.keyring.has(kid) ? this.key(kid) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Bytes would be tried as a public key first, at every token: ten times the work of the signature itself. */
  private key(kid: string): KeyObject {
    const key = this.keys.get(kid) ?? createSecretKey(this.keyring.derive(PURPOSE, kid));
    this.keys.set(kid, key);
    return key;
  }
}

function isComplete(claims: Record<string, unknown>): claims is Record<string, unknown> & Claims {
  const { sub, sid, tid, jti, iat, nbf, exp } = claims;
  return (
    [sub, sid, tid, jti].every((id) => typeof id === 'string' && isId(id)) && [iat, nbf, exp].every(Number.isInteger)
  );
}
