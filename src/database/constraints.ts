import { QueryFailedError } from 'typeorm';
import { UnavailableError, ValidationError, type ServiceError } from '../common/service-error.js';

type DomainError = new (detail?: string, options?: ErrorOptions) => ServiceError;

const raisedBy = new Map<string, DomainError>();

/** Declares which named constraint means this error: the database decides, the caller still gets a domain error. */
export const RaisedBy =
  (constraint: string) =>
  (error: DomainError): void => {
    raisedBy.set(constraint, error);
  };

/** PostgreSQL is away, overrun, or took too long. What was asked for did not happen, unless it was just committing. */
export class DatabaseUnavailableError extends UnavailableError {
  static override readonly code = 'unavailable';
  static override readonly title = 'The database is of no use just now';

  constructor(options?: ErrorOptions) {
    super(1, options);
  }
}

/** What a server that has become somebody's replica, as after a failover, says to whoever wants to write. */
const READ_ONLY = '25006';
/**
 * Connection exceptions, insufficient resources, operator intervention (a restart, a statement's time-out), lock time-out,
 * a process that slept within a transaction until it was ended, and a server that takes nothing any more.
 */
const UNAVAILABLE = /^(08|53|57|55P03|25P03|25006|ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)/;
/** What `pg` and its pool throw without a code. */
const UNAVAILABLE_MESSAGE =
  /timeout exceeded when trying to connect|connection terminated|client has encountered a connection error|not queryable/i;
/** A value that its column's type cannot hold: validation let something through that it should not have. */
const DATA_EXCEPTION = /^22/;

/** The domain error that a broken constraint stands for, in whichever database. */
export function errorOf(constraint: string, cause: unknown): ServiceError | null {
  const Domain = raisedBy.get(constraint);
  return Domain ? new Domain(undefined, { cause }) : null;
}

/** The domain error behind a failed statement; whatever else it was, unchanged. */
export function toDomainError(error: unknown): unknown {
  const { code = '', constraint } = driverError(error);
  const domainError = constraint && errorOf(constraint, error);
  if (domainError) return domainError;
  if (UNAVAILABLE.test(code) || (error instanceof Error && UNAVAILABLE_MESSAGE.test(error.message)))
    return new DatabaseUnavailableError({ cause: error });
  if (DATA_EXCEPTION.test(code))
    return new ValidationError([{ pointer: '#', code: 'unstorable', message: 'holds a value that cannot be stored' }]);
  return error;
}

/** Whether the connection leads to a server that takes nothing: who asks for another one may reach the one that does. */
export function isReadOnly(error: unknown): boolean {
  const told = error instanceof DatabaseUnavailableError ? error.cause : error;
  return driverError(told ?? {}).code === READ_ONLY;
}

function driverError(error: unknown): { code?: string; constraint?: string } {
  return (error instanceof QueryFailedError ? error.driverError : error) as { code?: string; constraint?: string };
}
