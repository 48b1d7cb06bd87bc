import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Rounds } from '../../common/rounds.js';
import { Timings } from '../../config/timings.js';
import { BankDisputes } from '../bank/bank-disputes.js';
import { BankRefunds } from '../bank/bank-refunds.js';
import { Bank } from '../bank/bank.js';
import { Deliveries } from '../bank/deliveries.js';

const BATCH = 20;

/**
 * What goes on at the bank while nobody asks: slow payments and refunds settle, authorisations lapse, payers
 * complain, and it tells us.
 */
@Injectable()
export class SimulatorWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly rounds: Rounds;

  constructor(
    bank: Bank,
    refunds: BankRefunds,
    disputes: BankDisputes,
    deliveries: Deliveries,
    private readonly timings: Timings,
  ) {
    const logger = new Logger(SimulatorWorker.name);
    this.rounds = new Rounds(logger, 'The simulator', timings.simulator_poll_ms, async () => {
      const settled = (await bank.settle(BATCH)) + (await refunds.settle(BATCH)) + (await disputes.settle(BATCH));
      const delivered = await deliveries.deliverDue();
      return settled + delivered >= BATCH;
    });
  }

  onApplicationBootstrap(): void {
    this.rounds.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.rounds.stop(this.timings.probe_ms);
  }
}
