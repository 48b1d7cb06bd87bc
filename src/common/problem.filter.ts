import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import {
  BodyTooLargeError,
  InternalError,
  MalformedRequestError,
  RouteNotFoundError,
  UnsupportedMediaTypeError,
  UriTooLongError,
} from './http-errors.js';
import { pathOf, problemOf } from './problem.js';
import { ServiceError, UnavailableError } from './service-error.js';
import { StoredAnswer } from './stored-answer.js';

/** Answers what Nest catches. What fails below Nest is answered by the same {@link sendProblem}. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

/** Tells the client what went wrong, and the log what only we should know. */
export function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (thrown instanceof StoredAnswer) {
    void reply.code(thrown.status).headers(thrown.headers).send(thrown.body);
    return;
  }
  const error = toServiceError(thrown, request);
  const { status, headers, body } = problemOf(error, request);
  report(error, status, request);
  if (reply.sent) return;
  if (reply.raw.headersSent) reply.raw.destroy();
  else void reply.code(status).headers(headers).send(body);
}

/** What Nest and Fastify refuse on their own, by the status that they give it. */
const BY_STATUS: Readonly<Record<number, new () => ServiceError>> = {
  400: MalformedRequestError,
  // @fastify/static, about a path that leaves its folder.
  403: RouteNotFoundError,
  404: RouteNotFoundError,
  413: BodyTooLargeError,
  414: UriTooLongError,
  415: UnsupportedMediaTypeError,
};

const isFastifyError = (thrown: unknown): thrown is FastifyError =>
  thrown instanceof Error && thrown.name === 'FastifyError';

function toServiceError(thrown: unknown, request: FastifyRequest): ServiceError {
  if (thrown instanceof ServiceError) return thrown;
  const code = (thrown as Partial<FastifyError> | null | undefined)?.code;
  if (code === 'ECONNRESET' && !request.raw.complete) return new MalformedRequestError('The request ended too early');
  // Other libraries' errors have a statusCode too, which says nothing about our caller's request.
  const status =
    thrown instanceof HttpException ? thrown.getStatus() : isFastifyError(thrown) ? thrown.statusCode : 500;
  const Known = BY_STATUS[status ?? 500];
  return Known ? new Known() : new InternalError(undefined, { cause: thrown });
}

const logger = new Logger('Http');

function report(error: ServiceError, status: number, request: FastifyRequest): void {
  if (status < 500) return;
  const what = `${request.method} ${request.routeOptions.url ?? pathOf(request.url)} (${request.id})`;
  const cause = error.cause ?? error;
  const stack = cause instanceof Error ? cause.stack : 'What was thrown is no Error';
  if (error instanceof UnavailableError) logger.warn(`${what}: ${error.code}, ${(cause as Error).message}`);
  else logger.error(`${what} failed`, stack);
}
