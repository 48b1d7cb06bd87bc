import { Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';
import { OpsServer } from './ops.server.js';

@Module({
  controllers: [HealthController],
  providers: [HealthService, OpsServer],
})
export class HealthModule {}
