import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parse } from 'secure-json-parse';
import { MalformedJsonError, MalformedRequestError, UnsupportedMediaTypeError } from './http-errors.js';
import { ServiceError } from './service-error.js';

/** In bytes, where a route says nothing else. */
export const BODY_LIMIT = 100 * 1024;
const MAX_DEPTH = 20;
const MAX_KEYS = 1_000;
const MAX_ITEMS = 1_000;

declare module 'fastify' {
  /** Set by `@RouteConfig()` at the handler. */
  interface FastifyContextConfig {
    /** The largest body of this route, in bytes. */
    bodyLimit?: number;
    /** Keeps the body's bytes on the request, unread: nothing is parsed before the signature over them holds. */
    rawBody?: boolean;
  }
  interface FastifyRequest {
    rawBody?: Buffer;
  }
}

/** Makes JSON the only body that the app reads, within the limits below: bytes, depth, keys and items. */
export function readJsonBodies(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    if (route.config?.bodyLimit) route.bodyLimit = route.config.bodyLimit;
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    try {
      done(null, readBody(request, bytes));
    } catch (error) {
      done(error as Error);
    }
  });
  // A body without bytes has no type to be wrong about: a proxy may well send an empty chunked one.
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_, bytes: Buffer, done) => {
    done(bytes.length > 0 ? new UnsupportedMediaTypeError() : null);
  });
}

function readBody(request: FastifyRequest, bytes: Buffer): unknown {
  if (bytes.length > 0 && !isPlainJson(request.headers)) throw new UnsupportedMediaTypeError();
  if (request.routeOptions.config.rawBody) request.rawBody = bytes;
  return request.rawBody || bytes.length === 0 ? undefined : parseJson(bytes);
}

/** Not compressed, and in no other charset than JSON has (RFC 8259 section 8.1). */
function isPlainJson({
  'content-type': type = '',
  'content-encoding': coding = 'identity',
}: FastifyRequest['headers']): boolean {
  const [, charset] = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(type) ?? [];
  return /^(utf-?8)?$/i.test(charset ?? '') && coding.toLowerCase() === 'identity';
}

/**
 * Reads JSON that may come from anybody, in time linear in its length.
 * @throws {MalformedRequestError} deeper than 20 levels, more than 1,000 keys, or an array of more than 1,000 items.
 * @throws {MalformedJsonError} no JSON (RFC 8259), no UTF-8, a byte order mark, a key that stands twice in its object, or
 *   one that reaches into a prototype.
 */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new MalformedJsonError('The body is not UTF-8');
  if (bytes.subarray(0, 3).equals(BYTE_ORDER_MARK))
    throw new MalformedJsonError('The body begins with a byte order mark');
  try {
    measure(bytes);
    return parse(bytes.toString('utf8'), { protoAction: 'error', constructorAction: 'error' });
  } catch (error) {
    throw error instanceof ServiceError
      ? error
      : new MalformedJsonError('The body is not JSON, or has a key such as __proto__');
  }
}

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');
const NOTHING = Buffer.alloc(0);
const [QUOTE, BACKSLASH, COMMA, COLON, ARRAY, OBJECT, END_ARRAY, END_OBJECT] = Buffer.from('"\\,:[{]}');

/** Counts levels, keys and items before anything is built from them; whether the text is JSON at all is for the parser. */
function measure(bytes: Buffer): void {
  const open: { commas: number; keys: Set<string> }[] = [];
  /** The last string, until a colon has made a key of it. */
  let text: Buffer = NOTHING;
  let keys = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    const inner = open.at(-1);
    if (byte === QUOTE) {
      const end = endOfString(bytes, at);
      text = bytes.subarray(at, end + 1);
      at = end;
    } else if (byte === ARRAY || byte === OBJECT) {
      if (open.push({ commas: 0, keys: new Set() }) > MAX_DEPTH)
        throw tooMuch(`is nested deeper than ${MAX_DEPTH} levels`);
    } else if (byte === END_ARRAY || byte === END_OBJECT) {
      open.pop();
    } else if (byte === COMMA && inner) {
      if (++inner.commas >= MAX_ITEMS) throw tooMuch(`has a list of more than ${MAX_ITEMS} items`);
    } else if (byte === COLON && inner) {
      const key = JSON.parse(text.toString()) as string;
      text = NOTHING;
      if (inner.keys.has(key)) throw new MalformedJsonError('The body names a key twice in one object');
      inner.keys.add(key);
      if (++keys > MAX_KEYS) throw tooMuch(`has more than ${MAX_KEYS} keys`);
    }
  }
}

const tooMuch = (what: string): MalformedRequestError => new MalformedRequestError(`The body ${what}`);

/** Where the string that begins at `start` ends. */
function endOfString(bytes: Buffer, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
