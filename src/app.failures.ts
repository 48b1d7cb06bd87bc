import {
  EmailNotVerifiedError,
  InvalidTokenError,
  OriginNotAllowedError,
  ReauthRequiredError,
  UnauthenticatedError,
} from './auth/auth.errors.js';
import {
  BodyTooLargeError,
  HeadersTooLargeError,
  InternalError,
  MalformedJsonError,
  MalformedRequestError,
  RequestTimeoutError,
  UnsupportedMediaTypeError,
  UriTooLongError,
} from './common/http-errors.js';
import { problemOf, statusOf, type ErrorClass } from './common/problem.js';
import { RateLimitedError } from './common/rate-limit.js';
import { NotFoundError, ValidationError, type ServiceError } from './common/service-error.js';
import { DatabaseUnavailableError } from './database/constraints.js';
import {
  IdempotencyInProgressError,
  IdempotencyKeyInvalidError,
  IdempotencyKeyMissingError,
  IdempotencyKeyReusedError,
  RequestAbandonedError,
} from './payments/idempotency/idempotency.errors.js';
import { InsufficientPermissionsError } from './users/users.errors.js';

/** What an operation is, as its route and its decorators declare it. */
export interface Facts {
  readonly method: string;
  readonly path: string;
  /** What becomes of a credential where none is needed; undefined where one is. */
  readonly open?: 'checked' | 'ignored';
  readonly roles?: readonly string[];
  /** Of an API key that may come in. */
  readonly scopes?: readonly string[];
  readonly wants_recent_login: boolean;
  readonly takes_cookie: boolean;
  readonly wants_verified_email: boolean;
  readonly idempotent: boolean;
  /** What it says itself, by `@ApiErrors()`. */
  readonly errors: readonly ErrorClass[];
}

/** Health is asked by balancers: outside the limits, and it tells by its answer that the database is away. */
export const isLimited = ({ path }: Pick<Facts, 'path'>): boolean => path.startsWith('/api/');

/** How an operation can fail by what it is. What fails before there is an operation (405, an unknown route) is nobody's. */
const BY_NATURE: readonly (readonly [errors: readonly ErrorClass[], of: (operation: Facts) => boolean])[] = [
  [[MalformedRequestError, UriTooLongError, ValidationError, HeadersTooLargeError, InternalError], () => true],
  // Of a method that may bring a body it is read, even where the operation then refuses every field.
  [
    [MalformedJsonError, RequestTimeoutError, BodyTooLargeError, UnsupportedMediaTypeError],
    ({ method }) => method !== 'get',
  ],
  [[UnauthenticatedError], ({ open }) => !open],
  // Whoever may come in, an API key may not, or not every one.
  [[InvalidTokenError, InsufficientPermissionsError], ({ open }) => open !== 'ignored'],
  [[ReauthRequiredError], ({ wants_recent_login }) => wants_recent_login],
  [[OriginNotAllowedError], ({ takes_cookie }) => takes_cookie],
  [[EmailNotVerifiedError], ({ wants_verified_email }) => wants_verified_email],
  [
    [
      IdempotencyKeyMissingError,
      IdempotencyKeyInvalidError,
      IdempotencyInProgressError,
      RequestAbandonedError,
      IdempotencyKeyReusedError,
    ],
    ({ idempotent }) => idempotent,
  ],
  [[RateLimitedError, DatabaseUnavailableError], isLimited],
];

/** Every way in which an operation can fail: one error for each code, by status. */
export function failuresOf(operation: Facts): Map<number, ErrorClass[]> {
  const natural = BY_NATURE.flatMap(([errors, of]) => (of(operation) ? errors : []));
  const byCode = new Map([...natural, ...operation.errors].map((error) => [error.code, error]));
  const byStatus = new Map<number, ErrorClass[]>();
  for (const error of byCode.values()) byStatus.set(statusOf(error), [...(byStatus.get(statusOf(error)) ?? []), error]);
  return byStatus;
}

/** Tells apart what failures of one status an operation has: `email_taken.username_taken`. */
export const failureName = (errors: readonly ErrorClass[]): string => errors.map(({ code }) => code).join('.');

const header = (name: string): object => ({ [name]: { $ref: `#/components/headers/${name}` } });

/** On every answer, and on every one that a limit counted. */
export const answerHeaders = (operation: Pick<Facts, 'path'>): object => ({
  ...header('X-Request-Id'),
  ...(isLimited(operation) && { ...header('RateLimit'), ...header('RateLimit-Policy') }),
});

const HEADERS_BY_STATUS: Readonly<Record<number, object>> = {
  401: header('WWW-Authenticate'),
  429: { ...header('Retry-After'), ...header('RateLimit'), ...header('RateLimit-Policy') },
  503: header('Retry-After'),
};

/** A response of the document. The schema names the codes, so that a client's compiler knows them too. */
export const failureResponse = (status: number, errors: readonly ErrorClass[]): object => ({
  description: errors.map(({ title }) => title).join('; '),
  headers: { ...header('X-Request-Id'), ...HEADERS_BY_STATUS[status] },
  content: {
    'application/problem+json': {
      schema: {
        allOf: [
          { $ref: '#/components/schemas/Problem' },
          {
            type: 'object',
            properties: { status: { const: status }, code: { type: 'string', enum: errors.map(({ code }) => code) } },
          },
        ],
      },
      examples: Object.fromEntries(errors.map(({ code }) => [code, { $ref: `#/components/examples/${code}` }])),
    },
  },
});

const EXAMPLE_ID = '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c';
const EXAMPLE_FIELD = { pointer: '#/email', code: 'email', message: 'Invalid email format' };

/** What a client gets, made as the filter makes it. */
export function failureExample(error: ErrorClass, path: string): object {
  const thrown = Reflect.construct(error, exampleArguments(error)) as ServiceError;
  const { body } = problemOf(thrown, { id: EXAMPLE_ID, url: path.replace('{id}', EXAMPLE_ID) });
  return { summary: error.title, value: JSON.parse(body.toString()) as object };
}

/** An error that names what was not found is given an id. */
function exampleArguments(error: ErrorClass): unknown[] {
  if (error === ValidationError) return [[EXAMPLE_FIELD]];
  return error.prototype instanceof NotFoundError && error.length > 0 ? [EXAMPLE_ID] : [];
}

const text = (description: string, example: string): object => ({
  description,
  required: true,
  schema: { type: 'string' },
  example,
});

/** What the `$ref`s of headers lead to. */
export const HEADERS = {
  'X-Request-Id': text("The client's own where it is fit, else a new one: name it when you ask for help", EXAMPLE_ID),
  'WWW-Authenticate': text('How to come in (RFC 6750)', 'Bearer error="invalid_token"'),
  Location: text('Where the new thing is', `/api/v1/users/${EXAMPLE_ID}`),
  'Set-Cookie': {
    description: 'The refresh token, where the client wants it in a cookie (or its end)',
    schema: { type: 'string' },
    example: '__Secure-omni_refresh=…; Max-Age=604800; Path=/api/v1/auth; HttpOnly; Secure; SameSite=Strict',
  },
  'Retry-After': {
    description: 'Seconds until another try makes sense, where that is known',
    schema: { type: 'integer', minimum: 1 },
    example: 1,
  },
  RateLimit: text('What is left of a limit (`r`), and for how many seconds (`t`)', '"general";r=42;t=17'),
  'RateLimit-Policy': text('The limit (`q`) and its window in seconds (`w`)', '"general";q=60;w=60'),
};
