import {
  ConflictError,
  ForbiddenError,
  NotFoundError,
  UnavailableError,
  UnprocessableError,
} from '../common/service-error.js';
import { RaisedBy } from '../database/constraints.js';

export class UserNotFoundError extends NotFoundError {
  static override readonly code = 'user_not_found';
  static override readonly title = 'There is no such user';

  constructor(id: string) {
    super(`User ${id} not found`);
  }
}

@RaisedBy('users_email_key')
export class EmailTakenError extends ConflictError {
  static override readonly code = 'email_taken';
  static override readonly title = 'User already exists';
}

@RaisedBy('users_username_key')
export class UsernameTakenError extends ConflictError {
  static override readonly code = 'username_taken';
  static override readonly title = 'Another user has this username';
}

export class InsufficientPermissionsError extends ForbiddenError {
  static override readonly code = 'forbidden';
  static override readonly title = 'Not allowed';

  constructor() {
    super('Insufficient permissions');
  }
}

/** It is among the first that anybody would try. */
export class PasswordTooCommonError extends UnprocessableError {
  static override readonly code = 'password_too_common';
  static override readonly title = 'The password is too easily guessed';
}

/** Changes to the account kept slipping in between our reading and our writing. */
export class ContendedError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The account is being changed by many at once';
}

/** More work than the processors can take on within the time that a client is made to wait. */
export class OverloadedError extends UnavailableError {
  static override readonly code = 'overloaded';
  static override readonly title = 'Too much to do just now';
}
