import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { Settings } from '../config/settings.js';
import { Timings } from '../config/timings.js';
import { RedisCache } from '../redis/redis-cache.js';
import { hasRedis } from '../redis/redis.module.js';
import { Cache } from './cache.js';
import { CacheAside } from './cache-aside.js';
import { MemoryCache } from './memory-cache.js';

/** Copies of what is read often: in Redis for all processes, without it in each process for a few seconds. */
@Global()
@Module({})
export class CacheModule {
  static for(settings: Settings): DynamicModule {
    const inMemory = ({ cache_alone_ms }: Timings): Cache => new MemoryCache(cache_alone_ms);
    return {
      module: CacheModule,
      providers: [
        CacheAside,
        hasRedis(settings)
          ? { provide: Cache, useClass: RedisCache }
          : { provide: Cache, inject: [Timings], useFactory: inMemory },
      ],
      exports: [CacheAside],
    };
  }
}
