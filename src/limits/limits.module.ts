import { Global, Module, type DynamicModule } from '@nestjs/common';
import { ThrottlerModule } from '@nestjs/throttler';
import { Settings } from '../config/settings.js';
import { RedisLimiterStorage } from '../redis/redis-limiter.js';
import { hasRedis } from '../redis/redis.module.js';
import { Limiter } from './limiter.js';
import { LimiterStorage } from './limiter-storage.js';
import { MemoryLimiterStorage } from './memory-limiter.js';
import { PasswordAttempts } from './password-attempts.js';
import { PasswordAttemptsRepository } from './password-attempts.repository.js';
import { PostgresLimiterStorage } from './postgres-limiter.js';
import { throttlerOptions } from './rate-limit.guard.js';
import { RequestLimits } from './request-limits.js';
import { Subjects } from './subjects.js';

/** How much anybody may ask. Every feature declares its limits by `@RateLimit()`; routes that take a password use `PasswordAttempts`. */
@Global()
@Module({})
export class LimitsModule {
  static for(settings: Settings): DynamicModule {
    return {
      module: LimitsModule,
      imports: [ThrottlerModule.forRootAsync({ inject: [Limiter, Settings], useFactory: throttlerOptions })],
      providers: [
        Limiter,
        PasswordAttempts,
        PasswordAttemptsRepository,
        PostgresLimiterStorage,
        RequestLimits,
        Subjects,
        { provide: MemoryLimiterStorage, useFactory: () => new MemoryLimiterStorage() },
        hasRedis(settings)
          ? { provide: LimiterStorage, useClass: RedisLimiterStorage }
          : { provide: LimiterStorage, useExisting: MemoryLimiterStorage },
      ],
      exports: [Limiter, PasswordAttempts],
    };
  }
}
