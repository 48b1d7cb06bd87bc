import { ConflictError, ForbiddenError, NotFoundError, UnauthorizedError } from '../common/service-error.js';

export class UnauthenticatedError extends UnauthorizedError {
  static override readonly code = 'unauthenticated';
  static override readonly title = 'This needs an identity';
}

export class InvalidTokenError extends UnauthorizedError {
  static override readonly code = 'invalid_token';
  static override readonly title = 'The credential is not valid';

  constructor(detail = 'Invalid token') {
    super(detail);
  }
}

/** Unknown, wrong and disabled alike. */
export class InvalidCredentialsError extends UnauthorizedError {
  static override readonly code = 'invalid_credentials';
  static override readonly title = 'No such account, or another password';

  constructor() {
    super('Invalid authentication credentials');
  }
}

/** Missing, wrong and used alike; at login also when the login is over. */
export class InvalidMfaCodeError extends UnauthorizedError {
  static override readonly code = 'invalid_mfa_code';
  static override readonly title = 'The code is wrong, or was used, or came too late';
}

export class MfaAlreadyEnabledError extends ConflictError {
  static override readonly code = 'mfa_already_enabled';
  static override readonly title = 'There is a second factor already';
}

export class ReauthRequiredError extends UnauthorizedError {
  static override readonly code = 'reauth_required';
  static override readonly title = 'This needs a recent login';
}

export class EmailNotVerifiedError extends ForbiddenError {
  static override readonly code = 'email_not_verified';
  static override readonly title = 'The e-mail address is not verified yet';
}

/** A cookie proves who asks only together with where the page comes from. */
export class OriginNotAllowedError extends ForbiddenError {
  static override readonly code = 'origin_not_allowed';
  static override readonly title = 'A cookie is not taken from this origin';
}

export class SessionNotFoundError extends NotFoundError {
  static override readonly code = 'session_not_found';
  static override readonly title = 'There is no such session';
}
