import { randomUUID } from 'node:crypto';
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Timings } from '../config/timings.js';
import {
  BodyTooLargeError,
  HeadersTooLargeError,
  MalformedRequestError,
  MethodNotAllowedError,
  RequestTimeoutError,
  UriTooLongError,
} from './http-errors.js';
import { problemOf, statusOf, type ErrorClass } from './problem.js';
import type { ServiceError } from './service-error.js';

/** Fit to be logged and sent back as it came. */
const FIT_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** In bytes: the request line and all headers. */
const MAX_HEAD = 16 * 1024;
const REAP_EVERY_MS = 50;
/** A new connection may have a request on its way. */
const IDLE_MS = 250;

/**
 * Writes down that what a connection brought was refused before it was a whole request.
 * @returns the id under which it is found again.
 */
export type TellRefusal = (socket: Socket, status: number) => string;

/** Node's HTTP server with every limit said aloud, and our own words where Node would use its own. */
export function httpServer(handler: RequestListener, timings: Timings, tell: TellRefusal): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEAD,
      headersTimeout: Math.min(timings.headers_ms, timings.request_ms),
      requestTimeout: timings.request_ms,
      keepAliveTimeout: timings.keep_alive_ms,
      connectionsCheckingInterval: Math.min(1_000, timings.headers_ms),
      // Checked by the app, which answers it as a problem.
      requireHostHeader: false,
    },
    handler,
  );
  // A client that reads nothing for so long is gone. Twice, so that a slow answer ends by its own time-out first.
  server.setTimeout(2 * timings.request_ms);
  server.maxRequestsPerSocket = 0;
  // Whatever a client expects but 100-continue may be ignored (RFC 9110 section 10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_, socket) => refuse(socket as Socket, new MethodNotAllowedError([]), '/', tell));
  return server;
}

/** The id by which a request is found again: the client's own where it is fit, else a new one. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && FIT_ID.test(given) ? given : randomUUID();
}

/** Answers what never became a request. */
export function refuseClient(error: Error, socket: Socket, tell: TellRefusal): void {
  const { code, rawPacket: packet } = error as NodeJS.ErrnoException & { rawPacket?: Buffer };
  // Another answer is under way on this connection: a second one inside it would be read as part of the first.
  const { _httpMessage: answering } = socket as Socket & { _httpMessage?: ServerResponse };
  if (code === 'ECONNRESET' || !socket.writable || answering?.headersSent) {
    socket.destroy();
    return;
  }
  // The parser's last bytes are the request's first only on a connection that brought nothing else.
  const head = packet && socket.bytesRead === packet.length ? packet.toString('latin1') : '';
  const [line = ''] = head.split(/\r?\n/, 1);
  const [, target = '/'] = line.split(' ');
  refuse(socket, errorOf(code, line.length), target, tell);
}

function errorOf(code: string | undefined, requestLine: number): ServiceError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new RequestTimeoutError();
  if (code === 'HPE_HEADER_OVERFLOW')
    return requestLine >= MAX_HEAD ? new UriTooLongError() : new HeadersTooLargeError();
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return new BodyTooLargeError();
  return new MalformedRequestError();
}

function refuse(socket: Socket, error: ServiceError, target: string, tell: TellRefusal): void {
  const id = tell(socket, statusOf(error.constructor as ErrorClass));
  const { status, headers, body } = problemOf(error, { id, url: target });
  const lines = Object.entries({ ...headers, date: new Date().toUTCString(), connection: 'close' });
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  // After CONNECT Node listens for errors no longer, and one that nobody hears ends the process.
  socket.on('error', () => socket.destroy());
  socket.end(Buffer.concat([Buffer.from(head), body]), () => socket.destroy());
}

/**
 * Makes `close()` wait for answers only. Node closes what is idle at that moment, and no longer looks after connections
 * that turn idle later or never sent a request: one of them would hold the process (fastify/fastify#7044).
 * @returns to be called when the server is about to close.
 */
export function closesIdleConnections(server: Server): () => void {
  const connections = new Map<Socket, { answering: number; since: number }>();
  server.on('connection', (socket: Socket) => {
    connections.set(socket, { answering: 0, since: Date.now() });
    socket.once('close', () => connections.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(socket);
    if (!connection) return;
    connection.answering += 1;
    response.once('close', () => {
      connection.answering -= 1;
      connection.since = Date.now();
    });
  });
  return () => {
    if (!server.listening) return;
    const reaper = setInterval(() => {
      for (const [socket, { answering, since }] of connections) {
        if (answering === 0 && Date.now() - since >= IDLE_MS) socket.destroy();
      }
    }, REAP_EVERY_MS).unref();
    server.once('close', () => clearInterval(reaper));
  };
}
