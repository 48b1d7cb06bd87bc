import { createHash } from 'node:crypto';
import { Secret } from 'otpauth';

export const RECOVERY_CODES = 10;
const CODE_BYTES = 10;

/** Somebody types it with the telephone in pieces: `ABCD-EFGH-IJKL-MNOP`, without 0, 1 and 8, which look like letters. */
const newRecoveryCode = (): string => new Secret({ size: CODE_BYTES }).base32.replaceAll(/.{4}(?=.)/g, '$&-');

/** As many as somebody gets at a time, all different. */
export function newRecoveryCodes(): string[] {
  const codes = new Set<string>();
  while (codes.size < RECOVERY_CODES) codes.add(newRecoveryCode());
  return [...codes];
}

/** As it was made, however it is written: small letters, spaces and missing dashes are no mistakes. */
export const plainCode = (typed: string): string => typed.replaceAll(/[\s-]/g, '').toUpperCase();

/**
 * A code has 80 random bits, which nobody tries through: a slow hash, made for passwords that people think up, would add
 * nothing. The user's id is in it, so that a row is worth nothing to anybody else.
 */
export const recoveryCodeHash = (user_id: string, code: string): string =>
  createHash('sha256')
    .update(`${user_id}\0${plainCode(code)}`)
    .digest('base64url');

export const recoveryCodeHashes = (user_id: string, codes: readonly string[]): string[] =>
  codes.map((code) => recoveryCodeHash(user_id, code));
