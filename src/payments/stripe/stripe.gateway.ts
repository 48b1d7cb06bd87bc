import { Injectable } from '@nestjs/common';
import type Stripe from 'stripe';
import { epochSeconds } from '../../common/epoch.js';
import { timeOfId } from '../../common/uuid.js';
import { Settings } from '../../config/settings.js';
import type { DisputeSnapshot } from '../gateways/dispute-snapshot.js';
import {
  PaymentGateway,
  ProviderRejectedError,
  type CancelRequest,
  type CaptureRequest,
  type ConfirmRequest,
  type CreateRequest,
  type GatewayConfig,
  type PaymentSnapshot,
  type ProviderEvent,
  type Sending,
} from '../gateways/payment.gateway.js';
import type { RefundRequest, RefundSnapshot } from '../gateways/refund-snapshot.js';
import { toProvider } from '../money/provider-amounts.js';
import { verify } from '../provider-events/signature.js';
import { eventOf } from './stripe-events.js';
import { StripeDeclineError } from './stripe-failures.js';
import { StripeLine } from './stripe-line.js';
import { disputeOf, EXPANDED, paymentOf, refundOf } from './stripe-snapshots.js';

const SIGNATURE_HEADER = 'stripe-signature';

/** What Stripe takes as a reason; another of ours is ours alone. */
const CANCELLATION_REASONS = ['abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'] as const;
const REFUND_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'] as const;

const MINUTE_S = 60;
const DAY_S = 24 * 60 * MINUTE_S;

/** Stripe has no list by the time of a change: so long after it was made a browser may still pay an intent. */
const PAYABLE_S = 30 * DAY_S;
/** So long the payer's bank may still send a refund back. @see https://docs.stripe.com/refunds#failed-refunds */
const RETURNABLE_S = 31 * DAY_S;

/**
 * Stripe, by payment intents. Every parameter follows from the journal's frozen request, so that a repeat sends the same
 * bytes.
 * @see https://docs.stripe.com/api/payment_intents
 */
@Injectable()
export class StripeGateway extends PaymentGateway {
  readonly config: GatewayConfig;

  constructor(
    private readonly line: StripeLine,
    private readonly settings: Settings,
  ) {
    super();
    const { STRIPE_API_KEY = '', STRIPE_PUBLISHABLE_KEY = null } = settings;
    const livemode = /^(sk|rk)_live_/.test(STRIPE_API_KEY);
    this.config = { provider: 'stripe', publishable_key: STRIPE_PUBLISHABLE_KEY, livemode };
  }

  async create(request: CreateRequest, sending: Sending): Promise<PaymentSnapshot> {
    const { payment_id, tenant_id, currency, capture_method } = request;
    const amount = toProvider('stripe', request.amount, currency);
    if (amount === null) throw new ProviderRejectedError('currency_unsupported');
    const params = {
      amount,
      currency: currency.toLowerCase(),
      capture_method,
      // Whatever the account has switched on and fits. It may lead to a page: so confirm() names one to come back to.
      automatic_payment_methods: { enabled: true },
      metadata: { payment_id, tenant_id },
      expand: EXPANDED,
    };
    return this.post(sending, (stripe, options) => stripe.paymentIntents.create(params, options));
  }

  async confirm(id: string, request: ConfirmRequest, sending: Sending): Promise<PaymentSnapshot> {
    const { payment_method, return_url } = request;
    const params = { payment_method, return_url: return_url ?? this.settings.PUBLIC_URL, expand: EXPANDED };
    try {
      return await this.post(sending, (stripe, options) => stripe.paymentIntents.confirm(id, params, options));
    } catch (error) {
      if (!(error instanceof StripeDeclineError)) throw error;
      return error.intent ? paymentOf(error.intent) : this.fetch(id, sending.signal);
    }
  }

  async capture(id: string, request: CaptureRequest, sending: Sending): Promise<PaymentSnapshot> {
    const { currency } = await this.fetch(id, sending.signal);
    const amount_to_capture = toProvider('stripe', request.amount, currency);
    if (amount_to_capture === null) throw new ProviderRejectedError('amount_too_small');
    const params = { amount_to_capture, expand: EXPANDED };
    return this.post(sending, (stripe, options) => stripe.paymentIntents.capture(id, params, options));
  }

  async cancel(id: string, request: CancelRequest, sending: Sending): Promise<PaymentSnapshot> {
    const cancellation_reason = CANCELLATION_REASONS.find((one) => one === request.reason);
    const params = { ...(cancellation_reason && { cancellation_reason }), expand: EXPANDED };
    return this.post(sending, (stripe, options) => stripe.paymentIntents.cancel(id, params, options));
  }

  async fetch(id: string, signal: AbortSignal): Promise<PaymentSnapshot> {
    return paymentOf(await this.line.ask(signal, (stripe) => retrieve(stripe, id)));
  }

  /**
   * The list knows no metadata, and the search lags behind by a minute and more: so what was made around the payment's own
   * time is looked through, and then the day in which its creation may have been sent once more.
   */
  async findByPayment(payment_id: string, signal: AbortSignal): Promise<PaymentSnapshot | null> {
    const began = epochSeconds(timeOfId(payment_id));
    const soon = began + 15 * MINUTE_S;
    const windows = [
      { gte: began - 5 * MINUTE_S, lte: soon },
      { gt: soon, lte: began + DAY_S },
    ];
    for (const created of windows) {
      for await (const payment of this.listPayments(created, signal)) {
        if (payment.payment_id === payment_id) return payment;
      }
    }
    return null;
  }

  async clientSecret(id: string, signal: AbortSignal): Promise<string> {
    const { client_secret } = await this.line.ask(signal, (stripe) => stripe.paymentIntents.retrieve(id));
    if (!client_secret) throw new ProviderRejectedError('not_found');
    return client_secret;
  }

  async refund(id: string, request: RefundRequest, sending: Sending): Promise<RefundSnapshot> {
    const { refund_id, payment_id, tenant_id, currency } = request;
    const amount = toProvider('stripe', request.amount, currency);
    if (amount === null) throw new ProviderRejectedError('amount_too_small');
    const reason = REFUND_REASONS.find((one) => one === request.reason);
    const metadata = { refund_id, payment_id, tenant_id };
    const params = { payment_intent: id, amount, ...(reason && { reason }), metadata };
    const { idempotency_key: idempotencyKey, signal } = sending;
    return this.refundOr404(await this.line.ask(signal, (stripe) => stripe.refunds.create(params, { idempotencyKey })));
  }

  async fetchRefund(id: string, signal: AbortSignal): Promise<RefundSnapshot> {
    return this.refundOr404(await this.line.ask(signal, (stripe) => stripe.refunds.retrieve(id)));
  }

  async listRefunds(id: string, signal: AbortSignal): Promise<RefundSnapshot[]> {
    const found: RefundSnapshot[] = [];
    for await (const refund of this.listOfRefunds({ payment_intent: id }, signal)) found.push(refund);
    return found;
  }

  async fetchDispute(id: string, signal: AbortSignal): Promise<DisputeSnapshot> {
    const dispute = disputeOf(await this.line.ask(signal, (stripe) => stripe.disputes.retrieve(id)));
    if (!dispute) throw new ProviderRejectedError('not_found');
    return dispute;
  }

  async listDisputes(id: string, signal: AbortSignal): Promise<DisputeSnapshot[]> {
    const found: DisputeSnapshot[] = [];
    for await (const dispute of this.listOfDisputes({ payment_intent: id }, signal)) found.push(dispute);
    return found;
  }

  /** What was made since then, or can have changed since. */
  payments(since: Date, signal: AbortSignal): AsyncIterable<PaymentSnapshot> {
    return this.listPayments(from(since, PAYABLE_S), signal);
  }

  /** What was made since then, or can have changed since. */
  refunds(since: Date, signal: AbortSignal): AsyncIterable<RefundSnapshot> {
    return this.listOfRefunds({ created: from(since, RETURNABLE_S) }, signal);
  }

  /** What was made since then: an older one that is open is asked for by its name. */
  disputes(since: Date, signal: AbortSignal): AsyncIterable<DisputeSnapshot> {
    return this.listOfDisputes({ created: from(since) }, signal);
  }

  readWebhook(body: Buffer, headers: Readonly<Record<string, unknown>>): ProviderEvent | null {
    verify(headers[SIGNATURE_HEADER], body, this.settings.STRIPE_WEBHOOK_SECRET ?? []);
    return eventOf(body, this.config.livemode);
  }

  private async post(
    { idempotency_key: idempotencyKey, signal }: Sending,
    word: (stripe: Stripe, options: { idempotencyKey: string }) => Promise<Stripe.PaymentIntent>,
  ): Promise<PaymentSnapshot> {
    return paymentOf(await this.line.ask(signal, (stripe) => word(stripe, { idempotencyKey })));
  }

  private async *listPayments(
    created: Stripe.RangeQueryParam,
    signal: AbortSignal,
  ): AsyncGenerator<PaymentSnapshot, void, void> {
    const expand = EXPANDED.map((name) => `data.${name}`);
    const intents = this.line.list(signal, (stripe, page) => stripe.paymentIntents.list({ created, expand, ...page }));
    for await (const intent of intents) yield paymentOf(intent);
  }

  private async *listOfRefunds(
    which: { payment_intent?: string; created?: Stripe.RangeQueryParam },
    signal: AbortSignal,
  ): AsyncGenerator<RefundSnapshot, void, void> {
    for await (const one of this.line.list(signal, (stripe, page) => stripe.refunds.list({ ...which, ...page }))) {
      const refund = refundOf(one, this.config.livemode);
      if (refund) yield refund;
    }
  }

  private async *listOfDisputes(
    which: { payment_intent?: string; created?: Stripe.RangeQueryParam },
    signal: AbortSignal,
  ): AsyncGenerator<DisputeSnapshot, void, void> {
    for await (const one of this.line.list(signal, (stripe, page) => stripe.disputes.list({ ...which, ...page }))) {
      const dispute = disputeOf(one);
      if (dispute) yield dispute;
    }
  }

  private refundOr404(given: Stripe.Refund): RefundSnapshot {
    const refund = refundOf(given, this.config.livemode);
    if (!refund) throw new ProviderRejectedError('not_found');
    return refund;
  }
}

const retrieve = (stripe: Stripe, id: string): Promise<Stripe.PaymentIntent> =>
  stripe.paymentIntents.retrieve(id, { expand: EXPANDED });

const from = (since: Date, before_s = 0): Stripe.RangeQueryParam => ({ gte: epochSeconds(since) - before_s });
