import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { AccountModule } from './account/account.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import { LinksModule, RecoveryProcessorModule } from './auth/links.module.js';
import { CacheModule } from './cache/cache.module.js';
import { CommonModule } from './common/common.module.js';
import { ConfigModule } from './config/config.module.js';
import type { Settings } from './config/settings.js';
import { Timings } from './config/timings.js';
import { DatabaseModule } from './database/database.module.js';
import { OutboxModule } from './database/outbox.module.js';
import { RetentionModule } from './database/retention/retention.module.js';
import { ExportsModule, ExportsProcessorModule } from './exports/exports.module.js';
import { HealthModule } from './health/health.module.js';
import { LimitsModule } from './limits/limits.module.js';
import { MailModule, MailProcessorModule } from './mail/mail.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { PaymentsModule, PaymentsProcessorModule, PaymentsWorkerModule } from './payments/payments.module.js';
import { QueueModule } from './redis/queue.module.js';
import { hasRedis, RedisModule } from './redis/redis.module.js';
import { TenantsModule } from './tenants/tenants.module.js';
import { InvitationsModule } from './users/invitations/invitations.module.js';
import { UsersStoreModule } from './users/store/users-store.module.js';
import { UsersModule } from './users/users.module.js';
import { WebhooksModule, WebhooksWorkerModule } from './webhooks/webhooks.module.js';

@Module({})
export class AppModule {
  /**
   * The one list of modules: what runs in every process, and what works behind the requests where the role says so.
   * @param extra - what development adds.
   */
  static for(settings: Settings, timings = new Timings(), extra: (DynamicModule | Type)[] = []): DynamicModule {
    const payments = PaymentsModule.for(settings);
    return {
      module: AppModule,
      imports: [
        ConfigModule.for(settings, timings),
        CommonModule,
        DatabaseModule,
        RedisModule.for(settings),
        CacheModule.for(settings),
        LimitsModule.for(settings),
        OutboxModule,
        UsersStoreModule.for(settings),
        TenantsModule,
        AuditModule,
        MailModule,
        UsersModule,
        InvitationsModule,
        AuthModule,
        LinksModule,
        AccountModule,
        ExportsModule,
        payments,
        WebhooksModule,
        MetricsModule,
        HealthModule,
        ...(settings.PROCESS_ROLE === 'api' ? [] : workers(settings, payments)),
        ...extra,
      ],
    };
  }
}

/** What works behind the requests; without Redis the outbox is delivered in process, and there is no queue to consume. */
const workers = (settings: Settings, payments: DynamicModule): (DynamicModule | Type)[] => [
  QueueModule.for(settings),
  RetentionModule,
  PaymentsWorkerModule.for(settings, payments),
  WebhooksWorkerModule,
  ...(hasRedis(settings)
    ? [MailProcessorModule, RecoveryProcessorModule, ExportsProcessorModule, PaymentsProcessorModule]
    : []),
];
