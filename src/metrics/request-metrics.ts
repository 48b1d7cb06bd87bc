import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Gauge, Histogram } from 'prom-client';
import { Metrics } from './metrics.js';

const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How requests fare, by the template of their route: an id in a label would be a series of its own. */
@Injectable()
export class RequestMetrics {
  private readonly durations: Histogram<'method' | 'route' | 'status'>;
  private readonly open: Gauge;

  constructor({ registry }: Metrics) {
    this.durations = new Histogram({
      name: 'omni_http_request_duration_seconds',
      help: 'How long requests took until they were answered',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS_S,
      registers: [registry],
    });
    this.open = new Gauge({
      name: 'omni_http_requests_in_flight',
      help: 'Requests that are not answered yet',
      registers: [registry],
    });
  }

  begins({ raw }: FastifyReply): void {
    this.open.inc();
    raw.once('close', () => this.open.dec());
  }

  /** What no route has is one series, whatever was asked for. */
  answered({ method, routeOptions, is404 }: FastifyRequest, { statusCode, elapsedTime }: FastifyReply): void {
    const route = is404 ? '(none)' : (routeOptions.url ?? '(none)');
    this.durations.observe({ method, route, status: statusCode }, elapsedTime / 1_000);
  }
}
