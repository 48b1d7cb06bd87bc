import { isIP, type Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  HeadersTooLargeError,
  MalformedRequestError,
  MethodNotAllowedError,
  RouteNotFoundError,
  UriTooLongError,
} from './http-errors.js';
import { plainAddress } from './ip.js';
import { withRequestContext } from './request-context.js';
import { STANDARD_HEADERS } from './security-headers.js';
import type { ServiceError } from './service-error.js';

/** What every listener of ours does with a request before it knows what it is about. */

export const MAX_URL = 8 * 1024;
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const MAX_HEADERS = 100;

/** The first of all: within `work` there is a context, and whatever is answered carries the standard headers. */
export function openRequest(request: FastifyRequest, reply: FastifyReply, work: () => void): void {
  void reply.headers({ ...STANDARD_HEADERS, 'x-request-id': request.id });
  withRequestContext({ request_id: request.id, ip: addressOf(request) }, work);
}

/** A proxy may forward rubbish: then the address is the proxy's own. A connection that is gone has none. */
function addressOf({ ip, socket }: { ip?: string; socket: Socket }): string {
  const address = ip && isIP(ip) ? ip : socket.remoteAddress;
  return plainAddress(address ?? '0.0.0.0');
}

/** What is wrong with a request before anybody looks at where it goes. */
export function faultOf({
  raw: { url = '/', httpVersion, headers, rawHeaders },
}: FastifyRequest): ServiceError | undefined {
  if (url.length > MAX_URL) return new UriTooLongError();
  if (rawHeaders.length / 2 > MAX_HEADERS) return new HeadersTooLargeError();
  if (httpVersion === '1.1' && !headers.host) return new MalformedRequestError('The Host header is missing');
  if (isRepeated(rawHeaders, 'host') || isRepeated(rawHeaders, 'authorization')) {
    return new MalformedRequestError('A header stands twice that may stand once');
  }
  return isReadable(url) ? undefined : new MalformedRequestError('The URL is not percent-encoded UTF-8');
}

/** Node takes the first of such headers and drops the rest, a proxy before us may have taken the last. */
const isRepeated = (rawHeaders: readonly string[], header: string): boolean =>
  rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === header).length > 1;

function isReadable(url: string): boolean {
  try {
    decodeURIComponent(url);
    return /^[!-~]*$/.test(url);
  } catch {
    return false;
  }
}

/** Answers a path or a method that nobody has, before its body is read. */
export function answerUnrouted(
  fastify: FastifyInstance,
  request: FastifyRequest,
  reply: FastifyReply,
  done: (error?: ServiceError) => void,
): void {
  // The CORS plugin has a route for every OPTIONS, and answers preflights only.
  if (!request.is404 && request.routeOptions.url !== '*') {
    done();
    return;
  }
  const allow = METHODS.filter((method) => fastify.findRoute({ method, url: request.url }) !== null);
  if (allow.length === 0) done(new RouteNotFoundError());
  else if (request.method !== 'OPTIONS') done(new MethodNotAllowedError(allow));
  else void reply.code(204).header('allow', allow.join(', ')).send();
}
