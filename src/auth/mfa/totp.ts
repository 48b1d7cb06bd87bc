import { Secret, TOTP } from 'otpauth';

/** What every authenticator app understands; some understand nothing else. */
const FORM = { algorithm: 'SHA1', digits: 6, period: 30 } as const;
/** Clocks differ, and people type slowly: the step before and the one after count too (RFC 6238 section 5.2). */
const WINDOW = 1;
/** As long as the hash's output (RFC 4226 section 4, R6). */
const SECRET_BYTES = 20;
const CODE = /^[0-9]{6}$/;

/** Apps show `123 456`. */
const plain = (typed: string): string => typed.replaceAll(/[\s-]/g, '');

/** Random bytes for an authenticator app. */
export const newTotpSecret = (): Buffer => Buffer.from(new Secret({ size: SECRET_BYTES }).bytes);

const sharing = (secret: Buffer, label = '', issuer = ''): TOTP =>
  new TOTP({ ...FORM, issuer, label, secret: Secret.fromHex(secret.toString('hex')) });

/**
 * What an app is told: by hand, or in a QR code.
 * @see https://github.com/google/google-authenticator/wiki/Key-Uri-Format
 */
export function describeTotp(
  secret: Buffer,
  { issuer, email }: { issuer: string; email: string },
): { secret: string; otpauth_url: string } {
  const totp = sharing(secret, email, issuer);
  return { secret: totp.secret.base32, otpauth_url: totp.toString() };
}

/** Whether it looks like an app's code at all; what does not can only be a recovery code. */
export const isTotpCode = (typed: string): boolean => CODE.test(plain(typed));

/**
 * @param now - milliseconds since 1970.
 * @returns the time step whose code this is, within one step of now; null where it is the code of none.
 * @see https://www.rfc-editor.org/rfc/rfc6238
 */
export function totpStep(secret: Buffer, typed: string, now: number = Date.now()): number | null {
  if (!isTotpCode(typed)) return null;
  const totp = sharing(secret);
  const delta = totp.validate({ token: plain(typed), timestamp: now, window: WINDOW });
  return delta === null ? null : totp.counter({ timestamp: now }) + delta;
}
