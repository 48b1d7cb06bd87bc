import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { OneOf } from '../common/fields.js';
import { Hooks } from '../common/hooks.js';
import { answerUnrouted, faultOf, openRequest } from '../common/http-edge.js';
import { RouteNotFoundError } from '../common/http-errors.js';
import { refuseClient, requestId } from '../common/http-server.js';
import { readJsonBodies } from '../common/json-body.js';
import { AUDIT, LOG_LEVELS, nestLevelsFrom } from '../common/logging/app-logger.js';
import { OpsRoutes, type AddOpsRoutes } from '../common/ops-routes.js';
import { pathOf } from '../common/problem.js';
import { sendProblem } from '../common/problem.filter.js';
import { ForbiddenError, UnauthorizedError } from '../common/service-error.js';
import { InputPipe } from '../common/validation.js';
import { isLoopback } from '../config/read-settings.js';
import { Settings } from '../config/settings.js';
import { HealthService } from './health.service.js';

class OpsTokenMissingError extends UnauthorizedError {
  static override readonly code = 'unauthenticated';
  static override readonly title = 'This needs the ops token';
}

class ForeignOriginError extends ForbiddenError {
  static override readonly code = 'origin_not_allowed';
  static override readonly title = 'This wants JSON, or the Origin of the ops port';
}

class LogLevelChange {
  @OneOf(LOG_LEVELS, { example: 'debug' })
  readonly level!: Settings['LOG_LEVEL'];
}

const OPEN: readonly string[] = ['/health/live', '/health/ready'];
const SAFE: readonly string[] = ['GET', 'HEAD'];
const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The operators' own listener, in every role: a worker has no other. It opens first and closes last. */
@Injectable()
export class OpsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly audit = new Logger(AUDIT);
  private readonly input = new InputPipe();
  private readonly server: FastifyInstance;

  constructor(
    private readonly settings: Settings,
    private readonly health: HealthService,
    private readonly hooks: Hooks,
  ) {
    this.server = fastify({
      genReqId: requestId,
      requestTimeout: 10_000,
      bodyLimit: 1_024,
      forceCloseConnections: true,
      // A missing Host is refused as any other fault.
      http: { requireHostHeader: false },
      clientErrorHandler: (error, socket) => refuseClient(error, socket, () => randomUUID()),
      frameworkErrors: (error, request, reply) =>
        this.open(request, reply, (refusal) => sendProblem(refusal ?? error, request, reply)),
    });
    readJsonBodies(this.server);
    this.server.addHook('onRequest', (request, reply, done) => this.open(request, reply, done));
    this.server.addHook('preParsing', (request, reply, _, done) => answerUnrouted(this.server, request, reply, done));
    this.server.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
    this.server.setNotFoundHandler((request, reply) => sendProblem(new RouteNotFoundError(), request, reply));
    this.server.get('/health/live', () => ({ status: 'ok' }));
    this.server.get('/health/ready', (_, reply) => this.ready(reply));
    this.server.get('/health', () => this.health.report());
    this.server.put('/log-level', ({ body = {} }) => this.changeLogLevel(body));
  }

  /** Where it listens; undefined before and after. */
  get port(): number | undefined {
    const address = this.server.server.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const { handle } of this.hooks.find<Record<never, never>, AddOpsRoutes>(OpsRoutes)) await handle(this.server);
    await this.server.listen({ host: this.settings.OPS_HOST, port: this.settings.OPS_PORT });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.server.close();
  }

  private async ready(reply: FastifyReply): Promise<{ status: string }> {
    const status = await this.health.readiness();
    if (status === 'draining' || status === 'unavailable') reply.code(503);
    return { status };
  }

  /** Of this process, until it ends. What is audited is logged at every level. */
  private async changeLogLevel(body: unknown): Promise<LogLevelChange> {
    const { level } = (await this.input.transform(body, { type: 'body', metatype: LogLevelChange })) as LogLevelChange;
    Logger.overrideLogger(nestLevelsFrom(level));
    this.audit.log({ msg: 'Log level changed', action: 'sys_log_level_changed', log_level: level });
    return { level };
  }

  /** A stranger hears nothing, not even what is wrong. */
  private open(request: FastifyRequest, reply: FastifyReply, done: (refusal?: Error) => void): void {
    openRequest(request, reply, () => done(this.stranger(request) ?? foreignOrigin(request) ?? faultOf(request)));
  }

  /** On loopback the name must be ours, or a web page could ask through its visitor's browser; elsewhere the token counts. */
  private stranger({ url, headers }: FastifyRequest): Error | undefined {
    if (OPEN.includes(pathOf(url).replace(/\/$/, ''))) return undefined;
    const { OPS_HOST, OPS_TOKEN = '' } = this.settings;
    if (isLoopback(OPS_HOST)) return LOCAL_HOST.test(headers.host ?? '') ? undefined : new RouteNotFoundError();
    const given = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    return timingSafeEqual(digest(given), digest(OPS_TOKEN)) ? undefined : new OpsTokenMissingError();
  }
}

/** No web page can make its visitor's browser change something here: a form cannot send JSON. */
function foreignOrigin({ method, protocol, headers }: FastifyRequest): Error | undefined {
  const isJson = /^application\/json\b/i.test(headers['content-type'] ?? '');
  const isOwn = headers.origin === `${protocol}://${headers.host}`;
  return SAFE.includes(method) || isJson || isOwn ? undefined : new ForeignOriginError();
}
