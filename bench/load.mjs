// A closed loop of requests: each connection is kept open, and sends its next request when the last one is answered. It
// knows as much of HTTP/1.1 as our own servers send, so that the client takes little of the processors that it shares
// with what it measures.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @typedef {object} Ask
 * @property {string} method
 * @property {string} path
 * @property {string} [token] - an access token.
 * @property {object} [body]
 * @property {Record<string, string>} [headers]
 * @property {number | number[]} [status] - what must be answered; 200 unless told.
 */

/**
 * @typedef {object} Figures
 * @property {number} rate - answers a second.
 * @property {number} p50 - of the times of answers, in milliseconds.
 * @property {number} p95
 */

/** So long at the beginning nothing is counted: connections open, caches fill. */
const LEAD = 0.15;

/**
 * Asks for `seconds`.
 * @param {string | string[]} urls - of a server, or of several that share the connections.
 * @param {(turn: number, connection: number) => Ask} ask - what to ask next.
 * @param {{ seconds: number, connections: number, per_second?: number }} options - `per_second` requests of all connections
 *   together, where they are not to ask as fast as they can.
 * @returns {Promise<Figures>}
 * @throws an answer has another status than it must have: nobody wants to know how fast mistakes are.
 */
export async function load(urls, ask, { seconds, connections, per_second }) {
  const servers = [urls].flat();
  const begun = performance.now();
  const from = begun + LEAD * seconds * 1_000;
  const to = from + seconds * 1_000;
  /** @type {{ sent: number, answered: number }[]} */
  const answers = [];
  let turn = 0;
  const loop = async (/** @type {number} */ index) => {
    const line = await open(servers[index % servers.length] ?? '');
    try {
      for (let sent = performance.now(); sent < to;) {
        if (per_second) sent = await nextTurn(begun, ((turn + 0.5) / per_second) * 1_000);
        const { status = 200, ...question } = ask(turn++, index);
        const answer = await line.send(textOf(question));
        const answered = performance.now();
        if (![status].flat().includes(answer.status))
          throw new Error(`${question.method} ${question.path} was answered ${answer.status}: ${answer.body()}`);
        answers.push({ sent, answered });
        sent = answered;
      }
    } finally {
      line.close();
    }
  };
  const loops = await Promise.allSettled(Array.from({ length: connections }, (_, index) => loop(index)));
  for (const one of loops) if (one.status === 'rejected') throw one.reason;
  return figuresOf(answers, from);
}

/**
 * What was asked before is left out, unless there is nothing else: an answer may take longer than the whole of it.
 * @param {{ sent: number, answered: number }[]} all
 * @param {number} from
 * @returns {Figures}
 */
function figuresOf(all, from) {
  const later = all.filter(({ sent }) => sent >= from);
  const answers = later.length > 0 ? later : all;
  const times = answers.map(({ sent, answered }) => answered - sent).toSorted((one, other) => one - other);
  const begun = answers.reduce((first, { sent }) => Math.min(first, sent), Infinity);
  const ended = answers.reduce((last, { answered }) => Math.max(last, answered), -Infinity);
  const at = (/** @type {number} */ part) => times[Math.floor(times.length * part)] ?? NaN;
  return { rate: times.length / ((ended - begun) / 1_000), p50: at(0.5), p95: at(0.95) };
}

/** @param {number} begun @param {number} ms - after that. @returns {Promise<number>} when it is. */
async function nextTurn(begun, ms) {
  const wait = begun + ms - performance.now();
  if (wait > 0) await sleep(wait);
  return performance.now();
}

/** @param {Omit<Ask, 'status'>} ask */
function textOf({ method, path, token, body, headers = {} }) {
  const content = body === undefined ? '' : JSON.stringify(body);
  const lines = [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1'];
  if (token) lines.push(`authorization: Bearer ${token}`);
  if (content) lines.push('content-type: application/json', `content-length: ${Buffer.byteLength(content)}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n${content}`;
}

/** A connection that has one request under way at a time. @param {string} url */
async function open(url) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  /** @type {Buffer} */
  let got = Buffer.alloc(0);
  /** @type {PromiseWithResolvers<{ status: number, body: () => string }>} */
  let waiting = deferred();
  socket.on('data', (chunk) => {
    got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
    const answer = wholeAnswer(got);
    if (!answer) return;
    got = got.subarray(answer.length);
    waiting.resolve(answer);
  });
  const fail = (/** @type {Error | undefined} */ error) => waiting.reject(error ?? new Error('The server hung up'));
  socket.on('error', fail).on('close', () => fail(undefined));
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return {
    /** @param {string} text */
    send(text) {
      waiting = deferred();
      socket.write(text);
      return waiting.promise;
    },
    close: () => socket.destroy(),
  };
}

/** @returns {PromiseWithResolvers<any>} whose rejection may come when nobody waits. */
function deferred() {
  /** @type {any} */
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  parts.promise.catch(() => undefined);
  return parts;
}

/** @param {Buffer} got @returns null while there is more to come. */
function wholeAnswer(got) {
  const end = got.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = got.toString('latin1', 0, end);
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  const whole = end + 4 + length;
  if (got.length < whole) return null;
  return { status: Number(head.slice(9, 12)), length: whole, body: () => got.toString('utf8', end + 4, whole) };
}
