import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Checkpoints } from '../../common/checkpoints.js';
import { errorLabel } from '../../common/condition.js';
import { traced } from '../../common/trace.js';
import { Timings } from '../../config/timings.js';
import { EndpointDecisions } from '../endpoint-decisions.js';
import { CourierRepository, type Begun, type Failure } from './courier.repository.js';
import { Letters } from './letters.js';
import { waitAfter } from './patience.js';

/** The receiver is there, and wants to hear no more (RFC 9110 section 15.5.11). */
const GONE = 410;

/** Carries one delivery to its endpoint, and writes down what came of it. */
@Injectable()
export class Courier {
  private readonly logger = new Logger(Courier.name);

  constructor(
    private readonly rows: CourierRepository,
    private readonly letters: Letters,
    private readonly decisions: EndpointDecisions,
    private readonly timings: Timings,
    private readonly checkpoints: Checkpoints,
  ) {}

  /** @param ending - the process ends: what is under way is broken off, and somebody else's then. */
  async carry(delivery: Begun, ending: AbortSignal): Promise<void> {
    const ends_at = Date.now() + this.timings.webhook_lease_ms;
    const outcome = await this.attempt(delivery, ending);
    await this.checkpoints.reach('webhook.sent');
    await this.record(() => this.writeDown(delivery, outcome), ends_at);
  }

  /** @returns null when it was broken off. */
  private async attempt(delivery: Begun, ending: AbortSignal): Promise<Failure | null> {
    const signal = AbortSignal.any([ending, AbortSignal.timeout(this.timings.webhook_timeout_ms)]);
    try {
      const step = { name: 'send webhook', kind: 'client', parent: delivery.traceparent } as const;
      return { last_status: await traced(step, () => this.letters.post(delivery, signal)), last_error: null };
    } catch (error) {
      return ending.aborted ? null : { last_status: null, last_error: errorLabel(error) };
    }
  }

  private async writeDown(delivery: Begun, outcome: Failure | null): Promise<void> {
    if (!outcome) return this.rows.release(delivery);
    const { last_status } = outcome;
    if (last_status !== null && last_status >= 200 && last_status < 300)
      return this.rows.delivered(delivery, last_status);
    const wait_ms = waitAfter(delivery.attempts - delivery.series_began, this.timings.webhook_backoff_ms);
    if (last_status === GONE) await this.decisions.disableGone({ ...delivery.endpoint, tenant_id: delivery.tenant_id });
    const dead = await this.rows.failed(delivery, outcome, wait_ms);
    if (dead) this.logger.warn(`Gave up webhook ${delivery.id} after ${delivery.attempts} attempts`);
  }

  /** What has happened outside is not undone by PostgreSQL being away: as long as the row is ours, it is told again. */
  private async record(write: () => Promise<void>, ends_at: number): Promise<void> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (Date.now() + this.timings.webhook_poll_ms > ends_at) throw error;
      }
      await sleep(this.timings.webhook_poll_ms);
    }
  }
}
