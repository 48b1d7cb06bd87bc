import {
  BodyTooLargeError,
  HeadersTooLargeError,
  InternalError,
  MalformedJsonError,
  MethodNotAllowedError,
  RequestTimeoutError,
  RouteNotFoundError,
  UnsupportedMediaTypeError,
  UriTooLongError,
} from '../../src/common/http-errors.js';
import { pathOf, problemOf, statusOf } from '../../src/common/problem.js';
import {
  ConflictError,
  ForbiddenError,
  ServiceError,
  UnauthorizedError,
  UnavailableError,
  UnprocessableError,
  ValidationError,
} from '../../src/common/service-error.js';

const REQUEST = { id: 'request-1', url: '/api/v1/users/7?page=1' };

class InvalidTokenError extends UnauthorizedError {
  static override readonly code = 'invalid_token';
  static override readonly title = 'The credential is not valid';
}
class UnauthenticatedError extends UnauthorizedError {
  static override readonly code = 'unauthenticated';
  static override readonly title = 'A credential is needed';
}
class BusyError extends UnavailableError {
  static override readonly code = 'overloaded';
  static override readonly title = 'Too much to do';
}
class TakenError extends ConflictError {
  static override readonly code = 'taken';
  static override readonly title = 'It is taken';
}
class NotYoursError extends ForbiddenError {}
class TooLateError extends UnprocessableError {}
class ForgottenError extends ServiceError {}

const bodyOf = (error: ServiceError): unknown => JSON.parse(problemOf(error, REQUEST).body.toString());

describe('statusOf', () => {
  it.each([
    [MalformedJsonError, 400],
    [UnauthenticatedError, 401],
    [NotYoursError, 403],
    [RouteNotFoundError, 404],
    [MethodNotAllowedError, 405],
    [RequestTimeoutError, 408],
    [TakenError, 409],
    [BodyTooLargeError, 413],
    [UriTooLongError, 414],
    [UnsupportedMediaTypeError, 415],
    [TooLateError, 422],
    [ValidationError, 422],
    [HeadersTooLargeError, 431],
    [BusyError, 503],
    [InternalError, 500],
    [ForgottenError, 500],
  ])('gives %p the status %i', (error, status) => {
    expect(statusOf(error)).toBe(status);
  });
});

describe('problemOf', () => {
  it('names every member of a problem, the path without its query, and no more', () => {
    expect(bodyOf(new TakenError())).toEqual({
      type: 'urn:omni:problem:taken',
      title: 'It is taken',
      status: 409,
      detail: 'It is taken',
      instance: '/api/v1/users/7',
      code: 'taken',
      request_id: 'request-1',
    });
  });

  it("adds the error's own words and members", () => {
    const error = new TakenError('Somebody has it', undefined, { payment_id: 'p1' });

    expect(bodyOf(error)).toMatchObject({ title: 'It is taken', detail: 'Somebody has it', payment_id: 'p1' });
  });

  it('lists the fields that are wrong', () => {
    const errors = [{ pointer: '#/email', code: 'required', message: 'is required' }];

    expect(bodyOf(new ValidationError(errors))).toMatchObject({ code: 'validation_failed', errors });
  });

  it('tells nothing of a cause', () => {
    const { body } = problemOf(new InternalError(undefined, { cause: new Error('SELECT secret') }), REQUEST);

    expect(body.toString()).not.toContain('secret');
  });

  it.each([
    [new UnauthenticatedError(), { 'www-authenticate': 'Bearer' }],
    [new InvalidTokenError(), { 'www-authenticate': 'Bearer error="invalid_token"' }],
    [new MethodNotAllowedError(['GET', 'HEAD']), { allow: 'GET, HEAD' }],
    [new BusyError(1.2), { 'retry-after': '2' }],
    [new BodyTooLargeError(), { connection: 'close' }],
  ])('answers %p with the headers that belong to it', (error, headers) => {
    expect(problemOf(error, REQUEST).headers).toMatchObject({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-request-id': 'request-1',
      ...headers,
    });
  });

  it('says when to try again only where that is known', () => {
    expect(problemOf(new BusyError(), REQUEST).headers).not.toHaveProperty('retry-after');
  });
});

describe('pathOf', () => {
  it.each([
    ['/a/b?c=/d', '/a/b'],
    ['/a#b', '/a'],
    ['http://host:1/a?b', '/a'],
    ['http://host?a=/b', '/'],
    ['*', '*'],
    ['', '/'],
    ['/%zz/%2F/"<é>', '/%25zz/%2F/%22%3C%C3%A9%3E'],
  ])('finds in %p the path %p', (target, path) => {
    expect(pathOf(target)).toBe(path);
  });

  it('repeats no path at any length', () => {
    expect(pathOf(`/${'a'.repeat(9_000)}`)).toHaveLength(2_048);
  });
});
