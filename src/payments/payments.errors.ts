import {
  ConflictError,
  NotFoundError,
  PaymentError,
  RequestFaultError,
  UnavailableError,
  UnprocessableError,
} from '../common/service-error.js';
import { RaisedBy } from '../database/constraints.js';
import type { PaymentStatus } from './payment-states.js';

export class PaymentNotFoundError extends NotFoundError {
  static override readonly code = 'payment_not_found';
  static override readonly title = 'There is no such payment';

  constructor(id: string) {
    super(`Payment ${id} not found`);
  }
}

/** What a client must know of a payment that was refused. */
export interface Refusal {
  readonly payment_id: string;
  readonly decline_code: string | null;
}

/** The provider said no to this payment method (402). The payment waits for another one. */
export abstract class DeclinedError extends PaymentError {
  constructor(detail?: string, { payment_id, decline_code }: Partial<Refusal> = {}) {
    super(detail, undefined, { ...(payment_id && { payment_id, decline_code, retryable: true }) });
  }
}

export class CardDeclinedError extends DeclinedError {
  static override readonly code = 'card_declined';
  static override readonly title = 'The card was declined';
}

export class ExpiredCardError extends DeclinedError {
  static override readonly code = 'expired_card';
  static override readonly title = 'The card has expired';
}

export class IncorrectCvcError extends DeclinedError {
  static override readonly code = 'incorrect_cvc';
  static override readonly title = 'The security code of the card is wrong';
}

export class ProcessingError extends DeclinedError {
  static override readonly code = 'processing_error';
  static override readonly title = 'The card could not be processed';
}

export class AuthenticationFailedError extends DeclinedError {
  static override readonly code = 'authentication_failed';
  static override readonly title = 'The payer was not authenticated';
}

/** By the provider's own word; whatever else it says is a declined card. */
export const DECLINES = [
  CardDeclinedError,
  ExpiredCardError,
  IncorrectCvcError,
  ProcessingError,
  AuthenticationFailedError,
] as const;

export const declineOf = (code: string): (typeof DECLINES)[number] =>
  DECLINES.find((decline) => decline.code === code) ?? CardDeclinedError;

@RaisedBy('payments_owner_reference')
export class ReferenceConflictError extends ConflictError {
  static override readonly code = 'reference_conflict';
  static override readonly title = 'Another payment of yours has this reference';

  constructor(detail?: string, options?: ErrorOptions, payment_id?: string) {
    super(detail, options, payment_id ? { payment_id } : {});
  }
}

export class PaymentStateConflictError extends ConflictError {
  static override readonly code = 'payment_state_conflict';
  static override readonly title = 'The payment is in no state for this';

  constructor(payment_id?: string, current_status?: PaymentStatus) {
    super(undefined, undefined, { ...(payment_id && { payment_id, current_status }) });
  }
}

@RaisedBy('payment_attempts_one_open')
export class AttemptInProgressError extends ConflictError {
  static override readonly code = 'attempt_in_progress';
  static override readonly title = 'The payment is being tried already';
}

export class CaptureExceedsAuthorizedError extends UnprocessableError {
  static override readonly code = 'capture_exceeds_authorized';
  static override readonly title = 'More is to be captured than was authorized';
}

export class CardDataForbiddenError extends RequestFaultError {
  static override readonly code = 'card_data_forbidden';
  static override readonly title = 'Card numbers are never taken: send the id of a payment method';
}

/** The provider was not reached before any money could move (503): the same key may be used again. */
export class ProviderUnavailableError extends UnavailableError {
  static override readonly code = 'provider_unavailable';
  static override readonly title = 'The payment provider is of no use just now';
}

/** Nobody takes the money, or the provider does not know us (503). */
export class ProviderMisconfiguredError extends UnavailableError {
  static override readonly code = 'provider_misconfigured';
  static override readonly title = 'No payment provider is set up';
}
