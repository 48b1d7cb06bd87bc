import { Module } from '@nestjs/common';
import { Metrics } from './metrics.js';
import { RequestMetrics } from './request-metrics.js';

@Module({ providers: [Metrics, RequestMetrics] })
export class MetricsModule {}
