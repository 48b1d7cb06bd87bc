import { Injectable } from '@nestjs/common';
import { Repeats } from '../../common/repetitions.js';
import { Alerts } from '../alerts/alerts.js';
import { Sweep } from './sweep.js';

/** What looks for what is wrong, in every process that works. */
@Injectable()
export class ReconciliationWorker {
  constructor(
    private readonly sweep: Sweep,
    private readonly alerts: Alerts,
  ) {}

  /** Lays what the provider has beside what we have, where that is to be done. @returns whether it was. */
  @Repeats({ what: 'Comparing with the provider', every: 'sweep_poll_ms', waits_first: true })
  compare(signal: AbortSignal): Promise<boolean> {
    return this.sweep.round(signal);
  }

  /** Tells of what is about to run out. */
  @Repeats({ what: 'Looking for what is overdue', every: 'alerts_ms', waits_first: true })
  async lookForOverdue(): Promise<boolean> {
    await this.alerts.round();
    return false;
  }
}
