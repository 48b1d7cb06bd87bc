import { MalformedError, NotFoundError, ServiceError, UnavailableError } from './service-error.js';

/** What can go wrong with a request as such, before it means anything to a feature. */

/** The body is no JSON text in UTF-8 (RFC 8259), or has a key that would reach into a prototype (400). */
export class MalformedJsonError extends MalformedError {
  static override readonly code = 'malformed_json';
  static override readonly title = 'The body is not JSON';
}

/** A URL, an encoding, a header, a frame or a depth that nobody should have to guess at (400). */
export class MalformedRequestError extends MalformedError {
  static override readonly code = 'malformed_request';
  static override readonly title = 'The request is not well-formed';
}

export class RouteNotFoundError extends NotFoundError {
  static override readonly code = 'not_found';
  static override readonly title = 'There is no such route';
}

export class MethodNotAllowedError extends ServiceError {
  static override readonly code = 'method_not_allowed';
  static override readonly title = 'The route does not have this method';

  /** @param allow - the methods that it has (RFC 9110 section 10.2.1). */
  constructor(readonly allow: readonly string[]) {
    super();
  }
}

/** The client took too long to send its request. */
export class RequestTimeoutError extends ServiceError {
  static override readonly code = 'request_timeout';
  static override readonly title = 'The request took too long to arrive';
}

export class BodyTooLargeError extends ServiceError {
  static override readonly code = 'body_too_large';
  static override readonly title = 'The body is too large';
}

export class UriTooLongError extends ServiceError {
  static override readonly code = 'uri_too_long';
  static override readonly title = 'The URL is too long';
}

export class UnsupportedMediaTypeError extends ServiceError {
  static override readonly code = 'unsupported_media_type';
  static override readonly title = 'The body must be application/json in UTF-8, and not compressed';
}

export class HeadersTooLargeError extends ServiceError {
  static override readonly code = 'headers_too_large';
  static override readonly title = 'The headers are too many or too large';
}

/** We took too long to answer (503). */
export class AnswerTimeoutError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The answer takes too long';
}

/** Whatever nobody foresaw. Its cause is for the log alone. */
export class InternalError extends ServiceError {
  static override readonly code = 'internal_error';
  static override readonly title = 'Internal server error';
}
