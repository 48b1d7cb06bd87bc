/**
 * What went wrong, in the domain's own words. Knows nothing of HTTP: `problem.filter.ts` gives each kind its status.
 * A concrete error is three lines: the class, its stable `code` and its `title`.
 */
export abstract class ServiceError extends Error {
  /** Stable, snake_case; clients branch on it. */
  static readonly code: string;
  static readonly title: string;

  /** @param extensions - members that the problem document gets beside the standard ones (RFC 9457 section 3.2). */
  constructor(
    readonly detail?: string,
    options?: ErrorOptions,
    readonly extensions: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail ?? new.target.title, options);
    this.name = new.target.name;
  }

  get code(): string {
    return (this.constructor as typeof ServiceError).code;
  }

  get title(): string {
    return (this.constructor as typeof ServiceError).title;
  }
}

/** Nobody is known to be asking (401). */
export abstract class UnauthorizedError extends ServiceError {}
/** Known, and not allowed (403). */
export abstract class ForbiddenError extends ServiceError {}
/** No such thing, or not the caller's (404). */
export abstract class NotFoundError extends ServiceError {}
/** At odds with what is stored (409). */
export abstract class ConflictError extends ServiceError {}
/** Not readable as what it claims to be (400). */
export abstract class MalformedError extends ServiceError {}

/** One thing that is wrong with the input. */
export interface FieldProblem {
  /** Where: `#/email` in a body, `?per_page` in a query. */
  readonly pointer: string;
  /** Which rule, in snake_case: `min_length`, `unknown_field`. */
  readonly code: string;
  readonly message: string;
}

/** Readable, and against the rules (422). */
export abstract class UnprocessableError extends ServiceError {}

/** The request by itself breaks a rule, whatever is stored: corrected, it is another one (422). */
export abstract class RequestFaultError extends UnprocessableError {}

/** The input's fields break their rules; each is named. */
export class ValidationError extends RequestFaultError {
  static override readonly code = 'validation_failed';
  static override readonly title = 'The request has invalid fields';

  constructor(readonly errors: readonly FieldProblem[]) {
    super(undefined, undefined, { errors });
  }
}

/** Money was not to be had (402). */
export abstract class PaymentError extends ServiceError {}

/** Not now, perhaps later (503). */
export abstract class UnavailableError extends ServiceError {
  /** @param retryAfter - seconds until another try makes sense, where that is known. */
  constructor(
    readonly retryAfter?: number,
    options?: ErrorOptions,
  ) {
    super(undefined, options);
  }
}
