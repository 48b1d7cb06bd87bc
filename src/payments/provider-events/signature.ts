import { createHmac, timingSafeEqual } from 'node:crypto';
import { MalformedError } from '../../common/service-error.js';

export class WebhookSignatureInvalidError extends MalformedError {
  static override readonly code = 'webhook_signature_invalid';
  static override readonly title = 'The signature is missing, wrong or too old';
}

/** So far the clocks of provider and receiver may be apart, in either direction. */
const TOLERANCE_S = 300;

type Secret = string | Buffer;

const mac = (secret: Secret, at: number | string, body: Buffer): Buffer =>
  createHmac('sha256', secret).update(`${at}.`).update(body).digest();

/**
 * The header over a body, as Stripe makes it.
 * @param at - seconds of the epoch.
 * @see https://docs.stripe.com/webhooks#verify-manually
 */
export const sign = (secret: Secret, at: number, body: Buffer): string =>
  `t=${at},v1=${mac(secret, at, body).toString('hex')}`;

/**
 * Proves that the bytes come from whoever has one of the secrets, and come now: neither long ago nor from the future.
 * @param secrets - several while they are rotated.
 * @throws {WebhookSignatureInvalidError}
 */
export function verify(header: unknown, body: Buffer, secrets: readonly Secret[], now = Date.now()): void {
  const parts = typeof header === 'string' ? header.split(',').map((part) => part.trim().split('=', 2)) : [];
  const [at = ''] = parts.filter(([name]) => name === 't').map(([, value = '']) => value);
  const given = parts
    .filter(([name, value = '']) => name === 'v1' && /^[0-9a-f]{64}$/.test(value))
    .map(([, value = '']) => Buffer.from(value, 'hex'));
  const isNow = /^\d{1,12}$/.test(at) && Math.abs(now - Number(at) * 1_000) <= TOLERANCE_S * 1_000;
  const expected = secrets.map((secret) => mac(secret, at, body));
  const isOurs = expected.some((one) => given.some((other) => timingSafeEqual(one, other)));
  if (!isNow || !isOurs) throw new WebhookSignatureInvalidError();
}
