import { Module } from '@nestjs/common';
import { BankDisputes } from '../bank/bank-disputes.js';
import { BankRefunds } from '../bank/bank-refunds.js';
import { Bank } from '../bank/bank.js';
import { BankRepository } from '../bank/bank.repository.js';
import { Deliveries } from '../bank/deliveries.js';
import { SimulatorController } from './simulator.controller.js';
import { SimulatorGateway } from './simulator.gateway.js';
import { SimulatorService } from './simulator.service.js';
import { SimulatorWire } from './simulator-wire.js';
import { SimulatorWorker } from './simulator.worker.js';

/** The simulated bank: only where it is in force. */
@Module({
  controllers: [SimulatorController],
  providers: [
    Bank,
    BankRefunds,
    BankDisputes,
    BankRepository,
    Deliveries,
    SimulatorWire,
    SimulatorGateway,
    SimulatorService,
  ],
  exports: [Bank, BankRefunds, BankDisputes, Deliveries, SimulatorGateway],
})
export class SimulatorModule {}

/** What goes on there while nobody asks; for processes that work. */
@Module({ imports: [SimulatorModule], providers: [SimulatorWorker] })
export class SimulatorWorkerModule {}
