import { randomBytes } from 'node:crypto';

const last = { now: 0, count: 0 };

/**
 * A time-ordered id (RFC 9562 section 5.7): 48 bits of milliseconds, then a counter (section 6.2, method 1), so that what a
 * process makes within one of them sorts by its order too, and 62 random bits.
 */
export function uuidv7(now: number = Date.now()): string {
  last.count = now === last.now ? last.count + 1 : 0;
  last.now = now;
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes.writeUInt16BE(0x7000 | (last.count & 0x0fff), 6);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** When an id of ours was made. */
export const timeOfId = (id: string): Date => new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16));

const MAX_TIME = 2 ** 48 - 1;

/** Less than every id of this moment and after, greater than every id before: ids sort by time. */
export function firstIdAt(ms: number): string {
  const hex = Math.min(Math.max(Math.trunc(ms), 0), MAX_TIME)
    .toString(16)
    .padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** An id and the time beside it are of the same moment; they are never further apart than this, whoseever clock was wrong. */
const SLACK_MS = 60 * 60 * 1_000;

/**
 * Between which ids all that happened in a span of time lies: a coarse sieve, so that an index by id leads there, before
 * the times themselves are compared.
 */
export const idsWithin = ({ since, until }: Span): { first_id: string | null; last_id: string | null } => ({
  first_id: since ? firstIdAt(since.getTime() - SLACK_MS) : null,
  last_id: until ? firstIdAt(until.getTime() + SLACK_MS) : null,
});

/** From a moment on, and before another. */
export interface Span {
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}
