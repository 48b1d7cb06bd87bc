import { Logger, Module, type DynamicModule, type Type } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Settings } from '../config/settings.js';
import { MailModule } from '../mail/mail.module.js';
import { UsersModule } from '../users/users.module.js';
import { PaymentAttempt } from './charges/attempt.entity.js';
import { AttemptsRepository } from './charges/attempts.repository.js';
import { Charges } from './charges/charges.js';
import { Alerts } from './alerts/alerts.js';
import { AlertsRepository } from './alerts/alerts.repository.js';
import { Completer } from './recovery/completer.js';
import { Intents } from './charges/intents.js';
import { PaymentsWorker } from './recovery/payments.worker.js';
import { DisputeNews } from './recovery/dispute-news.js';
import { LateAnswers } from './recovery/late-answers.js';
import { ProviderNews } from './recovery/provider-news.js';
import { Reconciler } from './recovery/reconciler.js';
import { RefundNews } from './recovery/refund-news.js';
import { RefundReconciler } from './recovery/refund-reconciler.js';
import { ReconcilerDesk } from './recovery/reconciler-desk.js';
import { Snapshots } from './charges/snapshots.js';
import { Steps } from './charges/steps.js';
import { PaymentTransition } from './charges/transition.entity.js';
import { DisputeSnapshots } from './disputes/dispute-snapshots.js';
import { DisputeSteps } from './disputes/dispute-steps.js';
import { DisputeTransition } from './disputes/dispute-transition.entity.js';
import { Dispute } from './disputes/dispute.entity.js';
import { DisputesController } from './disputes/disputes.controller.js';
import { DisputesRepository } from './disputes/disputes.repository.js';
import { DisputesService } from './disputes/disputes.service.js';
import { NoGateway } from './gateways/no.gateway.js';
import { PaymentGateway } from './gateways/payment.gateway.js';
import { ProviderCalls } from './gateways/provider-calls.js';
import { ProviderOperation } from './gateways/provider-operation.entity.js';
import { ProviderOperationsRepository } from './gateways/provider-operations.repository.js';
import { IdempotencyKey } from './idempotency/idempotency-key.entity.js';
import { IdempotencyKeys } from './idempotency/idempotency-keys.js';
import { IdempotencyKeysRepository } from './idempotency/idempotency-keys.repository.js';
import { BooksWatch } from './invariants/books-watch.js';
import { Invariants } from './invariants/invariants.js';
import { InvariantsRepository } from './invariants/invariants.repository.js';
import { EntriesRepository } from './ledger/entries.repository.js';
import { LedgerRepository } from './ledger/ledger.repository.js';
import { CurrenciesController } from './money/currencies.controller.js';
import { CurrenciesService } from './money/currencies.service.js';
import { PaymentErasure } from './payment-erasure.js';
import { PaymentEvents } from './payment-events.js';
import { PaymentReader } from './payment-reader.js';
import { Payment } from './payment.entity.js';
import { PaymentsController } from './payments.controller.js';
import { PaymentsProcessor } from './payments.processor.js';
import { PaymentsRepository } from './payments.repository.js';
import { PaymentsService } from './payments.service.js';
import { PaymentRefundsController } from './refunds/payment-refunds.controller.js';
import { RefundErasure } from './refunds/refund-erasure.js';
import { RefundReader } from './refunds/refund-reader.js';
import { RefundTransition } from './refunds/refund-transition.entity.js';
import { Refund } from './refunds/refund.entity.js';
import { RefundsController } from './refunds/refunds.controller.js';
import { RefundsRepository } from './refunds/refunds.repository.js';
import { RefundsService } from './refunds/refunds.service.js';
import { RefundCalls } from './repayments/refund-calls.js';
import { RefundIntents } from './repayments/refund-intents.js';
import { RefundSnapshots } from './repayments/refund-snapshots.js';
import { RefundSteps } from './repayments/refund-steps.js';
import { Refunding } from './repayments/refunding.js';
import { Discrepancies } from './reconciliation/discrepancies.js';
import { PaymentComparison } from './comparison/payment-comparison.js';
import { PaymentExamination } from './comparison/payment-examination.js';
import { DisputeExamination } from './comparison/dispute-examination.js';
import { ReconciledRepaymentsRepository } from './comparison/reconciled-repayments.repository.js';
import { RefundExamination } from './comparison/refund-examination.js';
import { PaymentRepayments } from './comparison/payment-repayments.js';
import { RepaymentComparison } from './comparison/repayment-comparison.js';
import { ReconciledPaymentsRepository } from './comparison/reconciled-payments.repository.js';
import { PaymentSync } from './comparison/payment-sync.js';
import { PaymentSyncController } from './comparison/payment-sync.controller.js';
import { ReconciliationController } from './reconciliation/reconciliation.controller.js';
import { ReconciliationItem } from './reconciliation/reconciliation-item.entity.js';
import { ReconciliationItemsRepository } from './reconciliation/reconciliation-items.repository.js';
import { ReconciliationRunsRepository } from './reconciliation/reconciliation-runs.repository.js';
import { ReconciliationService } from './reconciliation/reconciliation.service.js';
import { ReconciliationWorker } from './reconciliation/reconciliation.worker.js';
import { Sweep } from './reconciliation/sweep.js';
import { Receipts } from './receipts/receipts.js';
import { BankErasureRepository } from './bank/bank-erasure.repository.js';
import { SimulatorGateway } from './simulator/simulator.gateway.js';
import { SimulatorModule, SimulatorWorkerModule } from './simulator/simulator.module.js';
import { BooksController } from './statements/books.controller.js';
import { BooksService } from './statements/books.service.js';
import { PaymentHistory } from './statements/payment-history.js';
import { EntriesDocument } from './statements/entries-document.js';
import { PaymentStatement } from './statements/payment-statement.js';
import { StatementsController } from './statements/statements.controller.js';
import { StripeGateway } from './stripe/stripe.gateway.js';
import { StripeModule } from './stripe/stripe.module.js';
import { WebhookEvent } from './provider-events/webhook-event.entity.js';
import { WebhooksController } from './provider-events/webhooks.controller.js';
import { ProviderEventsDelivery } from './provider-events/provider-events.delivery.js';
import { ProviderEventsProcessor } from './provider-events/provider-events.processor.js';
import { ProviderEventsRepository } from './provider-events/provider-events.repository.js';
import { ProviderEventsService } from './provider-events/provider-events.service.js';

const ENTITIES = [
  Payment,
  PaymentAttempt,
  PaymentTransition,
  ProviderOperation,
  IdempotencyKey,
  WebhookEvent,
  Refund,
  RefundTransition,
  Dispute,
  DisputeTransition,
  ReconciliationItem,
];

const REPOSITORIES = [
  PaymentsRepository,
  AttemptsRepository,
  RefundsRepository,
  DisputesRepository,
  ProviderOperationsRepository,
  LedgerRepository,
  EntriesRepository,
  IdempotencyKeysRepository,
  ProviderEventsRepository,
  InvariantsRepository,
  BankErasureRepository,
];
/** What finds out where the provider and we do not agree. */
const RECONCILING = [
  ReconciliationItemsRepository,
  ReconciliationRunsRepository,
  ReconciledPaymentsRepository,
  AlertsRepository,
  Discrepancies,
  PaymentExamination,
  PaymentComparison,
  ReconciledRepaymentsRepository,
  RefundExamination,
  DisputeExamination,
  RepaymentComparison,
  PaymentRepayments,
  PaymentSync,
  BooksWatch,
  Sweep,
  Alerts,
  ReconciliationService,
];
const TAKING_MONEY = [
  IdempotencyKeys,
  ProviderCalls,
  Steps,
  Snapshots,
  Intents,
  Charges,
  PaymentReader,
  PaymentsService,
  PaymentHistory,
  PaymentStatement,
  BooksService,
  EntriesDocument,
  CurrenciesService,
];
const GIVING_IT_BACK = [
  RefundCalls,
  RefundSteps,
  RefundSnapshots,
  RefundIntents,
  Refunding,
  RefundReader,
  RefundsService,
  RefundErasure,
  DisputeSteps,
  DisputeSnapshots,
  DisputesService,
];
const BEHIND_IT = [
  Reconciler,
  RefundReconciler,
  ReconcilerDesk,
  ProviderNews,
  RefundNews,
  DisputeNews,
  LateAnswers,
  Completer,
  Invariants,
  PaymentEvents,
  Receipts,
  PaymentErasure,
  ProviderEventsService,
  ProviderEventsDelivery,
];

/** Of who takes the money: the module, loaded where it is in force alone, and the gateway in it. */
const PROVIDERS: Readonly<Record<Settings['PAYMENT_PROVIDER'], { modules: Type[]; gateway: Type<PaymentGateway> }>> = {
  stripe: { modules: [StripeModule], gateway: StripeGateway },
  simulator: { modules: [SimulatorModule], gateway: SimulatorGateway },
  none: { modules: [], gateway: NoGateway },
};

const isSimulated = ({ PAYMENT_PROVIDER }: Settings): boolean => PAYMENT_PROVIDER === 'simulator';

/** In production nobody should believe that money is taken where none is. */
function announce(settings: Settings): void {
  const { NODE_ENV, PAYMENT_PROVIDER, STRIPE_API_KEY = '', STRIPE_WEBHOOK_SECRET } = settings;
  const logger = new Logger(PaymentsModule.name);
  const production = NODE_ENV === 'production';
  if (production && isSimulated(settings))
    logger.warn('PAYMENT_PROVIDER=simulator: payments succeed, and no money is taken');
  if (PAYMENT_PROVIDER !== 'stripe') return;
  if (production && STRIPE_API_KEY.includes('_test_'))
    logger.warn('STRIPE_API_KEY is of the test mode: payments succeed, and no money is taken');
  if (!STRIPE_WEBHOOK_SECRET) logger.warn('STRIPE_WEBHOOK_SECRET is not set: what Stripe tells is refused');
}

/** Takes money, by whichever gateway the settings name. */
@Module({})
export class PaymentsModule {
  static for(settings: Settings): DynamicModule {
    announce(settings);
    const { modules, gateway } = PROVIDERS[settings.PAYMENT_PROVIDER];
    return {
      module: PaymentsModule,
      imports: [TypeOrmModule.forFeature(ENTITIES), UsersModule, MailModule, ...modules],
      controllers: [
        CurrenciesController,
        PaymentsController,
        StatementsController,
        PaymentRefundsController,
        RefundsController,
        DisputesController,
        BooksController,
        ReconciliationController,
        PaymentSyncController,
        WebhooksController,
      ],
      providers: [
        { provide: PaymentGateway, ...(modules.length > 0 ? { useExisting: gateway } : { useClass: gateway }) },
        ...REPOSITORIES,
        ...TAKING_MONEY,
        ...GIVING_IT_BACK,
        ...BEHIND_IT,
        ...RECONCILING,
      ],
      exports: [PaymentGateway, Reconciler, RefundReconciler, Completer, BooksWatch, Sweep, Alerts],
    };
  }
}

/** What works behind the payments, in processes that do. */
@Module({})
export class PaymentsWorkerModule {
  /** @param payments - the module that answers the requests: its very instances. */
  static for(settings: Settings, payments: DynamicModule): DynamicModule {
    const imports = [payments, ...(isSimulated(settings) ? [SimulatorWorkerModule] : [])];
    const providers = settings.PAYMENT_PROVIDER === 'none' ? [] : [PaymentsWorker, ReconciliationWorker];
    return { module: PaymentsWorkerModule, imports, providers };
  }
}

/** Consumes the queues, in whichever process has this module. */
@Module({ providers: [PaymentsProcessor, ProviderEventsProcessor] })
export class PaymentsProcessorModule {}
