import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Keyring } from '../../common/keyring.js';
import { Settings } from '../../config/settings.js';

const SESSION_BYTES = 16;
const SECRET_BYTES = 32;
/** Together a multiple of three: then a token has one spelling in base64url, and no other means the same bytes. */
const MARK_BYTES = 15;
const SPELLING = new RegExp(`^[\\w-]{${((SESSION_BYTES + SECRET_BYTES + MARK_BYTES) / 3) * 4}}$`);

/** A key each, so that neither use says anything about the other. */
const SUCCESSOR = 'refresh-successor';
const MARK = 'refresh-mark';

/**
 * How refresh tokens are made. To a client one is opaque; it holds its session's id, 256 secret bits, and a mark that only
 * our keys make. What is good is decided by hashes in the session's row; the mark tells what was good once from what never
 * was, so that nobody need remember every token that was used, and nobody can end a session by making one up.
 */
@Injectable()
export class RefreshTokens {
  constructor(
    private readonly keyring: Keyring,
    private readonly settings: Settings,
  ) {}

  /** A session's first. */
  first(session_id: string): string {
    return this.write(bytesOf(session_id), randomBytes(SECRET_BYTES), this.keyring.current);
  }

  /** The token that follows, and which key made it: under that key it is always the same. */
  successor(token: string): { readonly token: string; readonly key_id: string } {
    const key_id = this.keyring.current;
    return { token: this.derive(token, key_id), key_id };
  }

  /** The token that {@link successor} made under this key. @returns null when the ring does not hold it. */
  successorBy(key_id: string | null, token: string): string | null {
    return key_id !== null && this.keyring.has(key_id) ? this.derive(token, key_id) : null;
  }

  /** @returns which session it claims to be of; null where it is no refresh token by its form. */
  sessionOf(token: string): string | null {
    return SPELLING.test(token) ? idOf(Buffer.from(token, 'base64url').subarray(0, SESSION_BYTES)) : null;
  }

  /** Whether it was ever given out, as far as the keys of the ring reach back. Wants a token that names a session. */
  isOurs(token: string): boolean {
    const bytes = Buffer.from(token, 'base64url');
    const mark = bytes.subarray(-MARK_BYTES);
    return [...this.settings.SECRET_KEY.keys()].some((kid) =>
      timingSafeEqual(this.mark(bytes.subarray(0, -MARK_BYTES), kid), mark),
    );
  }

  private derive(token: string, kid: string): string {
    const secret = createHmac('sha256', this.keyring.derive(SUCCESSOR, kid)).update(token).digest();
    return this.write(Buffer.from(token, 'base64url').subarray(0, SESSION_BYTES), secret, kid);
  }

  private write(session: Buffer, secret: Buffer, kid: string): string {
    const marked = Buffer.concat([session, secret]);
    return Buffer.concat([marked, this.mark(marked, kid)]).toString('base64url');
  }

  private mark(marked: Buffer, kid: string): Buffer {
    return createHmac('sha256', this.keyring.derive(MARK, kid)).update(marked).digest().subarray(0, MARK_BYTES);
  }
}

const bytesOf = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex');
const idOf = (bytes: Buffer): string =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
