import { fastifyCookie } from '@fastify/cookie';
import { Logger } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RequestListener } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { setupOpenApi } from './app.openapi.js';
import { limitAnswers } from './common/answer-time.js';
import { answerUnrouted, faultOf, MAX_URL, METHODS, openRequest } from './common/http-edge.js';
import { closesIdleConnections, httpServer, refuseClient, requestId, type TellRefusal } from './common/http-server.js';
import { BODY_LIMIT, readJsonBodies } from './common/json-body.js';
import { Lifecycle } from './common/lifecycle.js';
import { AccessLog, AccessLogInterceptor } from './common/logging/access-log.js';
import type { AppLogger } from './common/logging/app-logger.js';
import { ProblemFilter, sendProblem } from './common/problem.filter.js';
import { nameTraceOf } from './common/trace.js';
import { InputPipe, UndeclaredInputInterceptor } from './common/validation.js';
import { MODE } from './config/config.module.js';
import { modeOf, type Mode } from './config/mode.js';
import { Settings } from './config/settings.js';
import type { Timings } from './config/timings.js';
import { RequestLimits } from './limits/request-limits.js';
import { RequestMetrics } from './metrics/request-metrics.js';

/** The HTTP edge below Nest: server, limits, and the answers to what never reaches a controller. */
export function httpAdapter(settings: Settings, timings: Timings, log: AppLogger): FastifyAdapter {
  const logController = new AccessLog();
  const tell: TellRefusal = (socket, status) => logController.refused(adapter.getInstance().log, socket, status);
  const adapter: FastifyAdapter = new FastifyAdapter({
    loggerInstance: log.pino,
    logController,
    serverFactory: (handler: RequestListener) => httpServer(handler, timings, tell),
    clientErrorHandler: (error, socket) => refuseClient(error, socket, tell),
    frameworkErrors: refuseUnrouted,
    genReqId: requestId,
    trustProxy: trustedProxies(settings),
    bodyLimit: BODY_LIMIT,
    // What still arrives on an open connection while the server closes is answered, not refused.
    return503OnClosing: false,
    // A parameter of any length is for the handler to judge: an id that is too long names nothing.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_URL },
    // No middleware: it would see other paths than the router does.
    skipMiddie: true,
  });
  adapter.setOnRequestHook(receive);
  const fastify = adapter.getInstance();
  limitAnswers(fastify, timings.request_ms);
  readJsonBodies(fastify);
  // To write cookies. None is read but where a route asks for it.
  void fastify.register(fastifyCookie, { hook: false });
  fastify.addHook('preParsing', (request, reply, _, done) => answerUnrouted(fastify, request, reply, done));
  const beforeClose = closesIdleConnections(fastify.server);
  fastify.addHook('preClose', (done) => {
    beforeClose();
    done();
  });
  return adapter;
}

/** The HTTP edge within Nest. `main.ts` and every test call this, and nothing else, before the app listens. */
export async function setupApp(app: NestFastifyApplication): Promise<void> {
  const settings = app.get(Settings);
  const mode = app.get<Mode>(MODE);
  warnOfUntrustedProxies(settings, mode);
  app.setGlobalPrefix('api/v1', { exclude: ['health/live', 'health/ready', 'account/*path', 'dev/*path'] });
  app.useGlobalFilters(new ProblemFilter());
  app.useGlobalInterceptors(new AccessLogInterceptor(), new UndeclaredInputInterceptor());
  app.useGlobalPipes(new InputPipe());
  if (mode.cors && settings.CORS_ORIGINS) allowOrigins(app, settings.CORS_ORIGINS);
  const lifecycle = app.get(Lifecycle);
  lifecycle.closesListener(() => app.getHttpAdapter().close()!);
  const limits = app.get(RequestLimits);
  const metrics = app.get(RequestMetrics);
  app
    .getHttpAdapter()
    .getInstance()
    .decorate('limits', limits)
    // After CORS, so that a web page can read why it was refused; a preflight alone is not counted.
    .addHook('onRequest', (request, reply) => limits.count(request, reply))
    .addHook('onRequest', (request, reply, done) => {
      nameTraceOf(request.method, request.is404 ? undefined : request.routeOptions.url);
      metrics.begins(reply);
      done();
    })
    .addHook('onResponse', (request, reply, done) => {
      metrics.answered(request, reply);
      done();
    })
    .addHook('onSend', (_, reply, payload, done) => {
      if (lifecycle.state === 'draining') void reply.header('connection', 'close');
      done(null, payload);
    });
  setupOpenApi(app, settings, mode);
}

/** Whose word counts for a client's address. Never everybody's, never the nearest n: both let a client choose its own. */
function trustedProxies(settings: Settings): false | ((address: string) => boolean) {
  const { client_address } = modeOf(settings);
  const { TRUSTED_PROXY_CIDRS: trusted } = settings;
  return client_address === 'socket' || !trusted ? false : (address) => trusted.includes(address);
}

/** Whoever gives the networks of proxies believes that they count; where they do not, all their clients are one address. */
function warnOfUntrustedProxies({ TRUSTED_PROXY_CIDRS }: Settings, { name, client_address }: Mode): void {
  if (!TRUSTED_PROXY_CIDRS || client_address !== 'socket') return;
  const effect = `has no effect in ${name} mode: whoever comes by a proxy has the proxy's address for all limits`;
  new Logger('Proxies').warn(`TRUSTED_PROXY_CIDRS ${effect}; RUN_AS_INTERNAL=1 lets it count`);
}

/** The very first hook. */
function receive(
  request: FastifyRequest,
  reply: FastifyReply,
  done: (error?: Error) => void,
  fault: Error | undefined = faultOf(request),
): void {
  openRequest(request, reply, () => {
    if (fault) void refuse(fault, request, reply, done);
    else done();
  });
}

/** What the router refuses by itself passes no hook, and has no forwarded address: behind a proxy it is the proxy's. */
const refuseUnrouted = (error: Error, request: FastifyRequest, reply: FastifyReply): void =>
  receive(request, reply, (told) => sendProblem(told, request, reply), error);

/** A request that is at fault comes no further, and counts like any other. */
async function refuse(
  fault: Error,
  request: FastifyRequest,
  reply: FastifyReply,
  tell: (error: Error) => void,
): Promise<void> {
  const counted = request.server.getDecorator<RequestLimits>('limits').count(request, reply);
  tell(
    await counted.then(
      () => fault,
      (refusal: Error) => refusal,
    ),
  );
}

function allowOrigins(app: NestFastifyApplication, origins: readonly string[]): void {
  const options = {
    origin: [...origins],
    credentials: true,
    methods: [...METHODS],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Request-Id'],
    exposedHeaders: [
      'X-Request-Id',
      'Location',
      'Content-Disposition',
      'Retry-After',
      'RateLimit',
      'RateLimit-Policy',
      'Idempotent-Replayed',
      'Original-Request',
    ],
    maxAge: 600,
  };
  app.enableCors({
    delegator: ({ headers }, callback) => {
      const preflight = headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
      callback(null, { ...options, preflight });
    },
  });
}
