import { ApiProperty } from '@nestjs/swagger';
import {
  BodyTooLargeError,
  HeadersTooLargeError,
  MethodNotAllowedError,
  RequestTimeoutError,
  UnsupportedMediaTypeError,
  UriTooLongError,
} from './http-errors.js';
import { RateLimitedError } from './rate-limit.js';
import {
  ConflictError,
  ForbiddenError,
  MalformedError,
  NotFoundError,
  PaymentError,
  UnauthorizedError,
  UnavailableError,
  UnprocessableError,
  type FieldProblem,
  type ServiceError,
} from './service-error.js';
import { STANDARD_HEADERS } from './security-headers.js';

export type ErrorClass = (abstract new (...args: never[]) => ServiceError) &
  Pick<typeof ServiceError, 'code' | 'title'>;

/** The status of each kind of error. A kind that is missing here is a fault of ours: 500. */
const STATUS: readonly (readonly [kind: ErrorClass, status: number])[] = [
  [MalformedError, 400],
  [UnauthorizedError, 401],
  [PaymentError, 402],
  [ForbiddenError, 403],
  [NotFoundError, 404],
  [MethodNotAllowedError, 405],
  [RequestTimeoutError, 408],
  [ConflictError, 409],
  [BodyTooLargeError, 413],
  [UriTooLongError, 414],
  [UnsupportedMediaTypeError, 415],
  [UnprocessableError, 422],
  [RateLimitedError, 429],
  [HeadersTooLargeError, 431],
  [UnavailableError, 503],
];

/** The status that an error is answered with. */
export function statusOf(error: ErrorClass): number {
  return STATUS.find(([kind]) => error === kind || error.prototype instanceof kind)?.[1] ?? 500;
}

/** The wire's form of a {@link FieldProblem}. */
export class ProblemField implements FieldProblem {
  @ApiProperty({ example: '#/email', description: 'Where: a JSON pointer into the body, or `?name` for the query' })
  readonly pointer!: string;

  @ApiProperty({ example: 'min_length', description: 'Which rule' })
  readonly code!: string;

  @ApiProperty({ example: 'must have at least 8 characters' })
  readonly message!: string;
}

/** A failure as clients see it (RFC 9457). */
export class Problem {
  @ApiProperty({ format: 'uri', example: 'urn:omni:problem:validation_failed' })
  readonly type!: string;

  @ApiProperty({ example: 'The request has invalid fields' })
  readonly title!: string;

  @ApiProperty({ type: 'integer', example: 422 })
  readonly status!: number;

  @ApiProperty({ example: 'The request has invalid fields', description: 'This occurrence, in a sentence' })
  readonly detail!: string;

  @ApiProperty({ format: 'uri-reference', example: '/api/v1/users', description: 'The path, without query' })
  readonly instance!: string;

  @ApiProperty({ example: 'validation_failed', description: 'Stable: branch on this' })
  readonly code!: string;

  @ApiProperty({ example: '0198b5e2-7f3a-7c11-8a54-3f1c9d2e6b70', description: 'Name it when you ask for help' })
  readonly request_id!: string;

  @ApiProperty({ type: [ProblemField], required: false, description: 'With `validation_failed`: at most 20' })
  readonly errors?: readonly FieldProblem[];

  @ApiProperty({
    format: 'uuid',
    required: false,
    example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c',
    description: 'Of the payment that it is about',
  })
  readonly payment_id?: string;

  @ApiProperty({
    type: String,
    nullable: true,
    required: false,
    example: 'insufficient_funds',
    description: 'With a declined payment: the bank’s reason, where it gives one',
  })
  readonly decline_code?: string | null;

  @ApiProperty({ required: false, example: 'succeeded', description: 'With `payment_state_conflict`: how it stands' })
  readonly current_status?: string;

  @ApiProperty({
    type: 'integer',
    required: false,
    example: 1_000,
    description: 'With `refund_exceeds_captured`: what is left, in the minor unit',
  })
  readonly max_refundable?: number;

  @ApiProperty({
    required: false,
    example: true,
    description: 'With a declined payment: whether another method may be tried',
  })
  readonly retryable?: boolean;
}

/** An answer, ready to be written to a reply or a bare socket. */
export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const MAX_INSTANCE = 2_048;

/** What may stand in no path as it is (RFC 3986 section 3.3). */
const UNFIT = /%(?![0-9a-f]{2})|[^!$%&'()*+,\-./0-9:;=@A-Z_a-z~]/gi;

/** The path of a request target, in origin or absolute form, without query (RFC 9112 section 3.2). */
export function pathOf(target: string): string {
  const [path = ''] = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1);
  return path.slice(0, MAX_INSTANCE).replaceAll(UNFIT, encodeURIComponent) || '/';
}

/**
 * The one place where an error becomes an HTTP answer.
 * @param request - its id, and its target as it came over the wire.
 */
export function problemOf(error: ServiceError, request: { readonly id: string; readonly url: string }): ProblemAnswer {
  const status = statusOf(error.constructor as ErrorClass);
  const problem: Problem = {
    type: `urn:omni:problem:${error.code}`,
    title: error.title,
    status,
    detail: error.detail ?? error.title,
    instance: pathOf(request.url),
    code: error.code,
    request_id: request.id,
    ...error.extensions,
  };
  const body = Buffer.from(JSON.stringify(problem));
  const headers = {
    ...STANDARD_HEADERS,
    'content-type': 'application/problem+json',
    'content-length': String(body.length),
    'x-request-id': request.id,
    ...headersOf(error, status),
  };
  return { status, headers, body };
}

function headersOf(error: ServiceError, status: number): Record<string, string> {
  const { allow, retryAfter } = error as Partial<MethodNotAllowedError & UnavailableError>;
  return {
    ...(status === 401 && {
      'www-authenticate': error.code === 'invalid_token' ? 'Bearer error="invalid_token"' : 'Bearer',
    }),
    ...(allow && { allow: allow.join(', ') }),
    ...(retryAfter !== undefined && { 'retry-after': String(Math.ceil(retryAfter)) }),
    // What follows on the connection can no longer be told from what was refused.
    ...([408, 413, 431].includes(status) && { connection: 'close' }),
  };
}
