import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { LogController, type FastifyBaseLogger, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Principal } from '../access.js';
import { networkOf } from '../ip.js';

/** What Nest adds to a request on its way through guard and interceptor. */
interface Handled {
  readonly principal?: Principal;
  handler?: string;
}

/** Tells the access log which method of which controller a request has reached. */
@Injectable()
export class AccessLogInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): ReturnType<CallHandler['handle']> {
    const request = context.switchToHttp().getRequest<Handled>();
    request.handler = `${context.getClass().name}.${context.getHandler().name}`;
    return next.handle();
  }
}

/** The lines of a connection that are not written yet, the oldest first. */
const pending = new WeakMap<Socket, Set<Line>>();

/**
 * Fastify's log of requests in our words: one line for each, when it is over, however it ended and however far it came.
 * The route's template stands for the path; query and body are not told, and of the address its network alone.
 */
export class AccessLog extends LogController {
  constructor() {
    super({ requestIdLogLabel: 'request_id' });
  }

  /** Fastify calls this for every request before it looks at it; for those whose URL it cannot read, too. */
  override incomingRequest(request: FastifyRequest, reply: FastifyReply): void {
    const line = new Line(request, reply);
    linesOf(request.raw.socket).add(line);
    reply.raw.once('close', () => line.write());
  }

  /** Our line tells it. */
  override requestCompleted(): void {}

  override routeNotFound(): void {}

  /**
   * For what is answered without Fastify: rubbish on a connection, a head that is too large, a body that never ends.
   * @returns the id of the request that it belongs to, a new one where there is none.
   */
  refused(log: FastifyBaseLogger, socket: Socket, status: number): string {
    const [line] = pending.get(socket) ?? [];
    if (line) return line.write(status);
    const request_id = randomUUID();
    const fields = { request_id, method: null, route: null, status, ip: networkOf(socket.remoteAddress ?? '') };
    log.info(fields, `(no request) ${status}`);
    return request_id;
  }
}

/** An answer that waits behind another one never hears that their connection is gone: the connection tells it. */
function linesOf(socket: Socket): Set<Line> {
  const known = pending.get(socket);
  if (known) return known;
  const lines = new Set<Line>();
  pending.set(socket, lines);
  socket.once('close', () => lines.forEach((line) => line.write()));
  return lines;
}

/** The line of one request, written once. */
class Line {
  private readonly began = performance.now();
  private readonly ip: string;

  constructor(
    private readonly request: FastifyRequest & Handled,
    private readonly reply: FastifyReply,
  ) {
    this.ip = networkOf(request.ip);
  }

  /**
   * @param refused - the status that was answered past Fastify.
   * @returns the request's id.
   */
  write(refused?: number): string {
    const { id, raw, method, routeOptions, principal, handler, log } = this.request;
    if (!pending.get(raw.socket)?.delete(this)) return id;
    const { headersSent, statusCode, writableFinished } = this.reply.raw;
    const route = routeOptions.url ?? null;
    const status = refused ?? (headersSent ? statusCode : null);
    const fields = {
      method,
      route,
      status,
      duration_ms: Math.round(performance.now() - this.began),
      handler,
      user_id: principal?.id,
      tenant_id: principal?.tenant_id,
      ip: this.ip,
      ...(!refused && !writableFinished && { aborted: true }),
    };
    log.info(fields, `${method} ${route ?? '(no route)'} ${status ?? 'aborted'}`);
    return id;
  }
}
