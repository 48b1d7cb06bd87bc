import type { Standing } from './request-context.js';
import { ServiceError } from './service-error.js';

/** More was asked than a limit allows (429, RFC 6585). */
export class RateLimitedError extends ServiceError {
  static override readonly code = 'rate_limited';
  static override readonly title = 'Too many requests';

  /** @param retryAfter - seconds, at least one, until another try can succeed. */
  constructor(readonly retryAfter: number) {
    super();
  }
}

/** Never less than was meant, and never zero. */
export const wholeSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

/** @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ which is a draft still. */
export const rateLimitHeaders = ({
  policy,
  limit,
  window_ms,
  remaining,
  reset_ms,
}: Standing): Record<string, string> => ({
  'ratelimit-policy': `"${policy}";q=${limit};w=${wholeSeconds(window_ms)}`,
  ratelimit: `"${policy}";r=${remaining};t=${wholeSeconds(reset_ms)}`,
});
