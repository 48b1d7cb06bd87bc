import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Rounds } from '../../common/rounds.js';
import { Timings } from '../../config/timings.js';
import { Alerts } from '../alerts/alerts.js';
import { PaymentGateway } from '../gateways/payment.gateway.js';
import { Sweep } from './sweep.js';

/** What looks for what is wrong, in every process that works. */
@Injectable()
export class ReconciliationWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly rounds: readonly Rounds[];

  constructor(
    sweep: Sweep,
    alerts: Alerts,
    private readonly gateway: PaymentGateway,
    private readonly timings: Timings,
  ) {
    const logger = new Logger(ReconciliationWorker.name);
    const { sweep_poll_ms, alerts_ms } = timings;
    this.rounds = [
      new Rounds(logger, 'Comparing with the provider', sweep_poll_ms, (signal) => sweep.round(signal)),
      new Rounds(logger, 'Looking for what is overdue', alerts_ms, async () => {
        await alerts.round();
        return false;
      }),
    ];
  }

  onApplicationBootstrap(): void {
    if (this.gateway.config.provider === 'none') return;
    for (const rounds of this.rounds) rounds.start(true);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.rounds.map((rounds) => rounds.stop(this.timings.probe_ms)));
  }
}
