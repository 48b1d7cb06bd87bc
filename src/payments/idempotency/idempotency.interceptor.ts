import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { HTTP_CODE_METADATA } from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import type { Principal } from '../../common/access.js';
import { pathOf, problemOf, statusOf, type ErrorClass } from '../../common/problem.js';
import { RequestFaultError, ServiceError } from '../../common/service-error.js';
import { StoredAnswer } from '../../common/stored-answer.js';
import { ProviderMisconfiguredError } from '../payments.errors.js';
import type { IdempotencyKey } from './idempotency-key.entity.js';
import { fingerprint, readKey } from './fingerprint.js';
import { IdempotencyKeys, type Answer } from './idempotency-keys.js';
import { IdempotencyInProgressError } from './idempotency.errors.js';

type Asking = FastifyRequest & { readonly principal: Principal };

const JSON_TYPE = 'application/json; charset=utf-8';
const CREATED = 201;
/** What a repeat gets of the first answer's headers; the others are every answer's own. */
const KEPT = ['content-type', 'location'];

/** Gives a request that is sent again the answer of the first one, byte by byte (`@Idempotent()`). */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly keys: IdempotencyKeys,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return from(this.answer(context, next));
  }

  private async answer(context: ExecutionContext, next: CallHandler): Promise<Buffer> {
    const http = context.switchToHttp();
    const request = http.getRequest<Asking>();
    const success_status = this.reflector.get<number>(HTTP_CODE_METADATA, context.getHandler()) ?? CREATED;
    const claim = await this.claim(request, success_status);
    if (claim.kind === 'replay') throw replayed(claim);
    return this.keys.within(claim.run, () => this.work(claim.run, request, http.getResponse<FastifyReply>(), next));
  }

  private claim(request: Asking, success_status: number): ReturnType<IdempotencyKeys['claim']> {
    const { method, routeOptions, params, body, headers, principal, id } = request;
    return this.keys.claim({
      tenant_id: principal.tenant_id,
      owner_id: principal.id,
      key: readKey(headers['idempotency-key']),
      request_hash: fingerprint(method, routeOptions.url ?? '', params, body),
      request_path: pathOf(request.url),
      success_status,
      request_id: id,
    });
  }

  private async work(
    run: IdempotencyKey,
    request: FastifyRequest,
    reply: FastifyReply,
    next: CallHandler,
  ): Promise<Buffer> {
    const result = await lastValueFrom(next.handle()).catch((error: unknown) => this.refuse(run, request, error));
    const body = Buffer.from(JSON.stringify(result));
    const location = reply.getHeader('location');
    const headers = { 'content-type': JSON_TYPE, ...(typeof location === 'string' && { location }) };
    await this.keys.finish(run, { status: run.success_status, headers, body });
    void reply.header('content-type', JSON_TYPE);
    return body;
  }

  /**
   * A refusal is an answer like any other. A request that never began leaves the key as it was, and one that failed on our
   * side can be sent again and goes on where it was.
   */
  private async refuse(run: IdempotencyKey, request: FastifyRequest, error: unknown): Promise<never> {
    const status = error instanceof ServiceError ? statusOf(error.constructor as ErrorClass) : 500;
    if (error instanceof IdempotencyInProgressError) throw error;
    // What has made a payment began, whatever was wrong with it.
    if (run.payment_id === null && neverBegins(error, status)) await this.keys.forget(run);
    else if (status >= 500) await this.keys.release(run);
    else await this.keys.finish(run, problemAnswer(error as ServiceError, request));
    throw error;
  }
}

/** Whether a request is refused by this before anything is written down for it. */
const neverBegins = (error: unknown, status: number): boolean =>
  error instanceof RequestFaultError || error instanceof ProviderMisconfiguredError || status === 429;

function problemAnswer(error: ServiceError, { id, url }: FastifyRequest): Answer {
  const { status, headers, body } = problemOf(error, { id, url });
  return { status, body, headers: Object.fromEntries(Object.entries(headers).filter(([name]) => KEPT.includes(name))) };
}

/** Thrown, since a repeat comes past the handler: the filter sends it as it is. */
const replayed = ({ answer, request_id }: { answer: Answer; request_id: string }): StoredAnswer =>
  new StoredAnswer({
    ...answer,
    headers: { ...answer.headers, 'idempotent-replayed': 'true', 'original-request': request_id },
  });
