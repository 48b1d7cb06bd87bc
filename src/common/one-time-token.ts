import { createHash, randomBytes } from 'node:crypto';
import { UnprocessableError } from './service-error.js';

const BYTES = 32;

/** Unknown, used or expired: whoever shows it learns no more. */
export class TokenInvalidError extends UnprocessableError {
  static override readonly code = 'token_invalid';
  static override readonly title = 'The token is unknown, was used, or its time is over';
}

export interface OneTimeToken {
  /** For a mailed link; never stored. */
  readonly token: string;
  /** For the table. */
  readonly token_hash: Buffer;
}

/** 256 random bits: nobody guesses them, so that their plain hash is as good as a slow one. */
export function newOneTimeToken(): OneTimeToken {
  const token = randomBytes(BYTES).toString('base64url');
  return { token, token_hash: hashOfToken(token) };
}

/** What is stored of any token that nobody guesses, and looked up when somebody shows one. */
export const hashOfToken = (token: string): Buffer => createHash('sha256').update(token).digest();
