import { Injectable, type ExecutionContext } from '@nestjs/common';
import {
  ThrottlerGuard,
  type ThrottlerLimitDetail,
  type ThrottlerModuleOptions,
  type ThrottlerRequest,
} from '@nestjs/throttler';
import { RateLimitedError } from '../common/rate-limit.js';
import { requestContext } from '../common/request-context.js';
import type { Settings } from '../config/settings.js';
import type { Limiter } from './limiter.js';
import { policies, type RoutePolicy } from './policies.js';

export const RATE_LIMITS = 'limits:policies';

/** Every policy that a route can declare, as @nestjs/throttler knows them. Headers are the limiter's own affair. */
export function throttlerOptions(limiter: Limiter, settings: Settings): ThrottlerModuleOptions {
  const throttlers = policies().flatMap(([name, { rate, subject }]) => {
    const { limit, window_ms: ttl } = rate(settings);
    return subject ? [{ name, limit, ttl, getTracker: () => subject(requestContext()!) }] : [];
  });
  return { storage: limiter, throttlers, setHeaders: false, generateKey: (_, tracker) => tracker };
}

/** Counts a request under the policies that its route declares. */
@Injectable()
export class RateLimitGuard extends ThrottlerGuard {
  protected override async handleRequest(request: ThrottlerRequest): Promise<boolean> {
    const declared = this.reflector.get<RoutePolicy[]>(RATE_LIMITS, request.context.getHandler());
    return declared.some((name) => name === request.throttler.name) ? super.handleRequest(request) : true;
  }

  protected override async throwThrottlingException(_: ExecutionContext, detail: ThrottlerLimitDetail): Promise<void> {
    throw new RateLimitedError(detail.timeToBlockExpire);
  }
}
