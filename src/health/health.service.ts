import { Injectable } from '@nestjs/common';
import { Hooks } from '../common/hooks.js';
import { Lifecycle } from '../common/lifecycle.js';
import { Measures, type Sample } from '../common/measures.js';
import { Backlog, Probe, type ProbeOptions } from '../common/probes.js';
import { Timings } from '../config/timings.js';

export type ReadyStatus = 'ok' | 'degraded' | 'draining' | 'unavailable';

interface ProbeResult {
  readonly critical: boolean;
  readonly status: 'ok' | 'unavailable';
  readonly ms: number;
}

export interface HealthReport {
  readonly status: ReadyStatus;
  readonly dependencies: Readonly<Record<string, ProbeResult>>;
}

/** What waits to leave, by its name; null where PostgreSQL could not be asked. */
type Backlogs = Readonly<Record<string, object | null>>;

/** Whether this process is of use just now, and why not. */
@Injectable()
export class HealthService {
  private running: Promise<Record<string, ProbeResult>> | undefined;

  constructor(
    private readonly hooks: Hooks,
    private readonly lifecycle: Lifecycle,
    private readonly timings: Timings,
  ) {}

  /** `degraded`: requests are answered, something behind them waits. */
  async readiness(): Promise<ReadyStatus> {
    return this.judge(await this.probe());
  }

  /** For operators: each dependency, and what waits to leave. */
  async report(): Promise<HealthReport & Readonly<Record<string, unknown>>> {
    const dependencies = await this.probe();
    const status = this.judge(dependencies);
    return { ...(await this.backlogs(status !== 'unavailable')), status, dependencies };
  }

  /** One sample each: 1 where it answers, else 0. */
  @Measures({ name: 'omni_dependency_up', help: 'Whether it answers', labels: ['dependency'] })
  async dependencies(): Promise<Sample[]> {
    const found = Object.entries(await this.probe());
    return found.map(([dependency, { status }]) => ({ value: status === 'ok' ? 1 : 0, labels: { dependency } }));
  }

  private async backlogs(askable: boolean): Promise<Backlogs> {
    const found = this.hooks.find<string, () => Promise<object>>(Backlog);
    const told = found.map(async ({ options: name, handle }) => {
      return [name, askable ? await handle().catch(() => null) : null] as const;
    });
    return Object.fromEntries(await Promise.all(told));
  }

  private judge(dependencies: Record<string, ProbeResult>): ReadyStatus {
    if (this.lifecycle.state === 'draining') return 'draining';
    const lost = Object.values(dependencies).filter(({ status }) => status === 'unavailable');
    if (lost.some(({ critical }) => critical)) return 'unavailable';
    return lost.length > 0 ? 'degraded' : 'ok';
  }

  /** However many ask at once, the dependencies are asked once. */
  private probe(): Promise<Record<string, ProbeResult>> {
    this.running ??= this.probeAll().finally(() => (this.running = undefined));
    return this.running;
  }

  private async probeAll(): Promise<Record<string, ProbeResult>> {
    const probes = this.hooks.find<ProbeOptions, () => Promise<void>>(Probe);
    const results = await Promise.all(
      probes.map(async ({ options: { name, critical }, handle }) => {
        const began = performance.now();
        const status = (await this.answersInTime(handle)) ? 'ok' : 'unavailable';
        return [name, { critical, status, ms: Math.round(performance.now() - began) }] as const;
      }),
    );
    return Object.fromEntries(results);
  }

  private async answersInTime(probe: () => Promise<void>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.timings.probe_ms);
    });
    const answer = probe().then(
      () => true,
      () => false,
    );
    return Promise.race([answer, tooLate]).finally(() => clearTimeout(timer));
  }
}
