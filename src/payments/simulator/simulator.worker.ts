import { Injectable } from '@nestjs/common';
import { Repeats } from '../../common/repetitions.js';
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
export class SimulatorWorker {
  constructor(
    private readonly bank: Bank,
    private readonly refunds: BankRefunds,
    private readonly disputes: BankDisputes,
    private readonly deliveries: Deliveries,
  ) {}

  /** A batch of what is due. @returns whether there is more. */
  @Repeats({ what: 'The simulator', every: 'simulator_poll_ms' })
  async round(): Promise<boolean> {
    const { bank, refunds, disputes } = this;
    const settled = (await bank.settle(BATCH)) + (await refunds.settle(BATCH)) + (await disputes.settle(BATCH));
    const delivered = await this.deliveries.deliverDue();
    return settled + delivered >= BATCH;
  }
}
