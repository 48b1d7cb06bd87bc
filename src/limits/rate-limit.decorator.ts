import { applyDecorators, SetMetadata, UseGuards } from '@nestjs/common';
import type { RoutePolicy } from './policies.js';
import { RATE_LIMITS, RateLimitGuard } from './rate-limit.guard.js';

/** Limits a route beyond what every request is limited by. Counts after the credential is proven, whatever the body holds. */
export const RateLimit = (...policies: RoutePolicy[]): MethodDecorator =>
  applyDecorators(SetMetadata(RATE_LIMITS, policies), UseGuards(RateLimitGuard));
