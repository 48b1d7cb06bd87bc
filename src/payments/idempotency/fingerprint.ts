import { createHash } from 'node:crypto';
import { IdempotencyKeyInvalidError, IdempotencyKeyMissingError } from './idempotency.errors.js';

const PRINTABLE = /^[ -~]{1,255}$/;
/** A string of a structured field (RFC 9651 section 3.3.3). */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/;

/**
 * The key in the header, given as it is or, as the IETF's draft has it, in quotes: both are the same key.
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 * @throws {IdempotencyKeyMissingError} {@link IdempotencyKeyInvalidError}
 */
export function readKey(header: unknown): string {
  if (header === undefined) throw new IdempotencyKeyMissingError();
  const given = typeof header === 'string' ? header : '';
  const key = QUOTED.exec(given)?.[1]?.replaceAll(/\\(["\\])/g, '$1') ?? given;
  if (!PRINTABLE.test(key)) throw new IdempotencyKeyInvalidError();
  return key;
}

/** JSON in which the order of an object's keys has no meaning. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${canonical(entry)}`).join(',')}}`;
}

/** What a key is bound to: what was asked, and where. 256 bits. */
export const fingerprint = (method: string, route: string, params: unknown, body: unknown): Buffer =>
  createHash('sha256')
    .update([method, route, canonical(params ?? {}), canonical(body ?? {})].join('\n'))
    .digest();
