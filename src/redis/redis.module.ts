import { Module, type DynamicModule } from '@nestjs/common';
import { modeOf } from '../config/mode.js';
import type { Settings } from '../config/settings.js';
import { RedisClients } from './redis-clients.js';

/** Whether there is a Redis to use. */
export const hasRedis = (settings: Settings): boolean => modeOf(settings).redis && settings.REDIS_URL !== undefined;

/** The connections to Redis, for every module; nothing in a process without Redis. */
@Module({})
export class RedisModule {
  static for(settings: Settings): DynamicModule {
    const providers = hasRedis(settings) ? [RedisClients] : [];
    return { module: RedisModule, global: true, providers, exports: providers };
  }
}
