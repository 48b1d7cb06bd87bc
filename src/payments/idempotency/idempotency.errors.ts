import { ConflictError, MalformedError, UnprocessableError } from '../../common/service-error.js';

export class IdempotencyKeyMissingError extends MalformedError {
  static override readonly code = 'idempotency_key_missing';
  static override readonly title = 'The header Idempotency-Key is missing';
}

export class IdempotencyKeyInvalidError extends MalformedError {
  static override readonly code = 'idempotency_key_invalid';
  static override readonly title = 'The header Idempotency-Key must be 1 to 255 printable ASCII characters';
}

/** The first request with this key is still at work, or another took it over. */
export class IdempotencyInProgressError extends ConflictError {
  static override readonly code = 'idempotency_in_progress';
  static override readonly title = 'A request with this key is under way';

  /** Seconds. */
  readonly retryAfter = 1;
}

/** Nobody came back with the key, and what it had begun was undone, or has to be looked up. */
export class RequestAbandonedError extends ConflictError {
  static override readonly code = 'request_abandoned';
  static override readonly title =
    'The first request with this key was abandoned: look at the payment, or use a new key';

  constructor(payment_id?: string | null) {
    super(undefined, undefined, { ...(payment_id && { payment_id }) });
  }
}

export class IdempotencyKeyReusedError extends UnprocessableError {
  static override readonly code = 'idempotency_key_reused';
  static override readonly title = 'This key was used for another request';
}
