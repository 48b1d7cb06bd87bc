import type { LastError, NextAction, PaymentMethod } from '../payment.entity.js';
import type { CaptureMethod } from '../payment.entity.js';
import type { PaymentStatus } from '../payment-states.js';
import type { DisputeSnapshot } from './dispute-snapshot.js';
import type { RefundRequest, RefundSnapshot } from './refund-snapshot.js';

/** The provider's object as it was when it was fetched. Amounts are ours: in ISO 4217's minor unit. */
export interface PaymentSnapshot {
  readonly provider_payment_id: string;
  /** Ours, as we gave it when the object was made. */
  readonly payment_id: string | null;
  readonly livemode: boolean;
  /** Null where it is no amount that we could have asked for. */
  readonly amount: number | null;
  /** In upper case. */
  readonly currency: string;
  /** Null where the provider says something that nobody here has heard of. */
  readonly status: PaymentStatus | null;
  /** What was really taken; null like `amount`. */
  readonly amount_captured: number | null;
  /** Names the last try, so that news of an older one are known as such; null before the first. */
  readonly attempt_id: string | null;
  readonly payment_method: PaymentMethod | null;
  readonly last_error: LastError | null;
  readonly next_action: NextAction | null;
  /** Until when an authorisation holds. */
  readonly capture_before: Date | null;
  readonly cancellation_reason: string | null;
}

/** What the provider is told when the object is made; frozen in the journal. */
export interface CreateRequest {
  readonly payment_id: string;
  readonly tenant_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly capture_method: CaptureMethod;
}

export interface ConfirmRequest {
  readonly payment_method: string;
  readonly return_url: string | null;
}

export interface CaptureRequest {
  readonly amount: number;
}

export interface CancelRequest {
  readonly reason: string;
}

/** How a request is sent: under our key, and not longer than the signal lasts. */
export interface Sending {
  readonly idempotency_key: string;
  readonly signal: AbortSignal;
}

/** What the provider tells us on its own: about what, and no more. */
export interface ProviderEvent {
  readonly id: string;
  readonly type: string;
  readonly object: 'payment' | 'refund' | 'dispute';
  /** The provider's id of the object. */
  readonly object_id: string;
  readonly livemode: boolean;
  /** As we gave it when the object was made. */
  readonly tenant_id: string | null;
}

export interface GatewayConfig {
  readonly provider: 'stripe' | 'simulator' | 'none';
  readonly publishable_key: string | null;
  readonly livemode: boolean;
}

/**
 * The way to whoever takes the money. Every question has three outcomes: an answer, a definite no
 * ({@link ProviderRejectedError}), and not knowing ({@link ProviderUnknownError}), which is never taken for a no. A card
 * that is declined is an answer: the snapshot says so.
 */
export abstract class PaymentGateway {
  abstract readonly config: GatewayConfig;

  /**
   * Makes the object, unconfirmed: no money moves.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract create(request: CreateRequest, sending: Sending): Promise<PaymentSnapshot>;

  /**
   * Takes the money, or begins to: the only call that does, at an object whose id is in our database.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract confirm(provider_payment_id: string, request: ConfirmRequest, sending: Sending): Promise<PaymentSnapshot>;

  /**
   * Takes what was authorized, or a part of it; once.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract capture(provider_payment_id: string, request: CaptureRequest, sending: Sending): Promise<PaymentSnapshot>;

  /**
   * Ends what has taken no money.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract cancel(provider_payment_id: string, request: CancelRequest, sending: Sending): Promise<PaymentSnapshot>;

  /**
   * The object as it is now.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract fetch(provider_payment_id: string, signal: AbortSignal): Promise<PaymentSnapshot>;

  /**
   * Finds an object whose id we never heard, by ours.
   * @throws {ProviderUnknownError}
   */
  abstract findByPayment(payment_id: string, signal: AbortSignal): Promise<PaymentSnapshot | null>;

  /**
   * Gives money back: all that was captured, or a part of it.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract refund(provider_payment_id: string, request: RefundRequest, sending: Sending): Promise<RefundSnapshot>;

  /**
   * The refund as it is now.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract fetchRefund(provider_refund_id: string, signal: AbortSignal): Promise<RefundSnapshot>;

  /**
   * Every refund of a payment, also those that were made at the provider.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract listRefunds(provider_payment_id: string, signal: AbortSignal): Promise<RefundSnapshot[]>;

  /**
   * The dispute as it is now.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract fetchDispute(provider_dispute_id: string, signal: AbortSignal): Promise<DisputeSnapshot>;

  /**
   * Every dispute of a payment.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract listDisputes(provider_payment_id: string, signal: AbortSignal): Promise<DisputeSnapshot[]>;

  /**
   * What was made or changed since then, page by page, for the nightly comparison; more, where the provider cannot tell.
   * @throws {ProviderUnknownError}
   */
  abstract payments(since: Date, signal: AbortSignal): AsyncIterable<PaymentSnapshot>;

  /** @throws {ProviderUnknownError} */
  abstract refunds(since: Date, signal: AbortSignal): AsyncIterable<RefundSnapshot>;

  /** Of those that are open here already, it may leave out what has changed. @throws {ProviderUnknownError} */
  abstract disputes(since: Date, signal: AbortSignal): AsyncIterable<DisputeSnapshot>;

  /**
   * What a browser needs to confirm the payment itself. Fetched, never stored.
   * @throws {ProviderRejectedError} {@link ProviderUnknownError}
   */
  abstract clientSecret(provider_payment_id: string, signal: AbortSignal): Promise<string>;

  /**
   * Reads what claims to come from the provider.
   * @param body - the very bytes: the signature is over them, and nothing is parsed before it holds.
   * @returns null for an event that concerns nothing of ours.
   * @throws {WebhookSignatureInvalidError}
   */
  abstract readWebhook(body: Buffer, headers: Readonly<Record<string, unknown>>): ProviderEvent | null;
}

/** The provider understood and refused: nothing was done. */
export class ProviderRejectedError extends Error {
  override readonly name = 'ProviderRejectedError';

  /** @param code - the provider's word for it. */
  constructor(readonly code: string) {
    super(`The provider refused: ${code}`);
  }
}

/** Nobody knows whether it was done: a time-out, a broken connection, half an answer, a failure at the provider. */
export class ProviderUnknownError extends Error {
  override readonly name = 'ProviderUnknownError';

  constructor(readonly code: string) {
    super(`The provider's answer is not known: ${code}`);
  }
}

/** The provider does not know us: wrong keys. Nothing was done, and nothing will be. */
export class ProviderForbiddenError extends Error {
  override readonly name = 'ProviderForbiddenError';
}
