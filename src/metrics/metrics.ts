import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { endsWithin } from '../common/deadline.js';
import { Hooks } from '../common/hooks.js';
import { Measures, type Measure, type Sample } from '../common/measures.js';
import { OpsRoutes } from '../common/ops-routes.js';
import { Backlog } from '../common/probes.js';
import { modeOf } from '../config/mode.js';
import { Settings } from '../config/settings.js';
import { Timings } from '../config/timings.js';

type Ask = () => Sample[] | Promise<Sample[]>;

/** As every `@Backlog` tells it. */
interface Waiting {
  readonly pending: number;
  readonly dead: number;
  readonly oldest_pending_seconds: number | null;
}

const BACKLOGS: Readonly<Record<keyof Waiting, Measure>> = {
  pending: { name: 'omni_backlog_pending', help: 'What waits to be done, by where it waits', labels: ['backlog'] },
  dead: { name: 'omni_backlog_dead', help: 'What was given up and waits for a person', labels: ['backlog'] },
  oldest_pending_seconds: {
    name: 'omni_backlog_oldest_seconds',
    help: 'How long the oldest of what waits has been waiting; 0 where nothing waits',
    labels: ['backlog'],
  },
};

/** Everything that can be measured, for Prometheus: what `@Measures` marks is asked when somebody reads it. */
@Injectable()
export class Metrics implements OnApplicationBootstrap {
  readonly registry = new Registry();
  private readonly failures: Counter<'measure'>;
  private reading: Promise<string> | undefined;
  private backlogs: Promise<(readonly [backlog: string, waiting: Waiting])[]> | undefined;
  private hasDefaults = false;

  constructor(
    private readonly hooks: Hooks,
    private readonly settings: Settings,
    private readonly timings: Timings,
  ) {
    const help = 'How often something could not be measured';
    const labelNames = ['measure'] as const;
    this.failures = new Counter({ name: 'omni_measure_failures_total', help, labelNames, registers: [this.registry] });
  }

  onApplicationBootstrap(): void {
    const { APP_VERSION: version, PROCESS_ROLE: role } = this.settings;
    const labels = { version, role, mode: modeOf(this.settings).name };
    const info = { name: 'omni_info', help: 'What runs here', labels: Object.keys(labels) } as const;
    this.gauge(info, () => [{ value: 1, labels }]);
    for (const { options, handle } of this.hooks.find<Measure, Ask>(Measures)) this.gauge(options, handle);
    for (const [field, measure] of Object.entries(BACKLOGS))
      this.gauge(measure, () => this.waiting(field as keyof Waiting));
  }

  @OpsRoutes({})
  routes(server: FastifyInstance): void {
    server.get('/metrics', async (_, reply) => reply.type(this.registry.contentType).send(await this.read()));
  }

  /** However many read at once, everything is asked once. */
  private read(): Promise<string> {
    // Looks at the event loop from the first reader on: a process that nobody observes pays nothing for it.
    if (!this.hasDefaults) collectDefaultMetrics({ register: this.registry });
    this.hasDefaults = true;
    this.reading ??= this.registry.metrics().finally(() => {
      this.reading = undefined;
      this.backlogs = undefined;
    });
    return this.reading;
  }

  private gauge({ name, help, labels = [] }: Measure, ask: Ask): void {
    const { failures, timings } = this;
    new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [this.registry],
      async collect() {
        // A number that is not known is not there: yesterday's would be taken for today's.
        this.reset();
        const answer = Promise.resolve().then(ask);
        const told = await endsWithin(timings.probe_ms, answer);
        const samples = told ? await answer.catch(() => null) : null;
        if (!samples) failures.inc({ measure: name });
        for (const { value, labels: of = {} } of samples ?? []) this.set({ ...of }, value);
      },
    });
  }

  /** Asked once for each reading, whatever of it is told. */
  private async waiting(field: keyof Waiting): Promise<Sample[]> {
    this.backlogs ??= this.askBacklogs();
    return (await this.backlogs).map(([backlog, told]) => ({ labels: { backlog }, value: told[field] ?? 0 }));
  }

  private askBacklogs(): Promise<(readonly [backlog: string, waiting: Waiting])[]> {
    const found = this.hooks.find<string, () => Promise<Waiting>>(Backlog);
    return Promise.all(found.map(async ({ options: backlog, handle }) => [backlog, await handle()] as const));
  }
}
