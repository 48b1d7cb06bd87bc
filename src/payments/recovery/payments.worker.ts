import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Rounds } from '../../common/rounds.js';
import { Timings } from '../../config/timings.js';
import { BooksWatch } from '../invariants/books-watch.js';
import { PaymentGateway } from '../gateways/payment.gateway.js';
import { Completer } from './completer.js';
import { Reconciler } from './reconciler.js';
import { RefundReconciler } from './refund-reconciler.js';

const MANY = 20;

/** What works behind the payments, in every process that works. The database is asked; nothing is remembered here. */
@Injectable()
export class PaymentsWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly rounds: readonly Rounds[];
  private readonly books: Rounds;

  constructor(
    reconciler: Reconciler,
    refunds: RefundReconciler,
    completer: Completer,
    watch: BooksWatch,
    private readonly gateway: PaymentGateway,
    private readonly timings: Timings,
  ) {
    const logger = new Logger(PaymentsWorker.name);
    const { reconcile_poll_ms, invariants_ms } = timings;
    this.rounds = [
      new Rounds(logger, 'Reconciling payments', reconcile_poll_ms, async (signal) => {
        const looked = await reconciler.round(signal);
        return looked >= MANY;
      }),
      new Rounds(logger, 'Reconciling refunds', reconcile_poll_ms, async (signal) => {
        const looked = await refunds.round(signal);
        return looked >= MANY;
      }),
      new Rounds(logger, 'Completing requests', reconcile_poll_ms, async () => (await completer.round()) >= MANY),
    ];
    this.books = new Rounds(logger, 'Checking the books', invariants_ms, async () => {
      await watch.round();
      return false;
    });
  }

  onApplicationBootstrap(): void {
    if (this.gateway.config.provider === 'none') return;
    for (const rounds of this.rounds) rounds.start();
    this.books.start(true);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.rounds, this.books].map((rounds) => rounds.stop(this.timings.probe_ms)));
  }
}
