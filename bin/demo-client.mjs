// What the steps of demo.mjs are made of: a request that must be answered as promised, and a narrator.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const EX_USAGE = 64;
const EX_UNAVAILABLE = 69;
const ANSWER_MS = 30_000;
/** A server that asks for patience gets a minute at a time, and five in all for one request. */
const PAUSE_MS = 60_000;
const PATIENCE_MS = 5 * 60_000;

/** What was expected, and what came instead. */
export class BrokenPromise extends Error {}
class WrongArguments extends Error {}
class NoServer extends Error {}

process.chdir(join(import.meta.dirname, '..'));
try {
  process.loadEnvFile();
} catch {
  // There need not be one.
}
const dataDir = process.env.DATA_DIR || '.data';
let server = '';

/**
 * Goes from step to step, and stops at the first that goes wrong.
 * @param {[title: string, step: () => Promise<void>][]} tour
 */
export async function run(tour) {
  try {
    server = serverFromArguments();
    await call('GET', '/health/live', { status: 200, quiet: true });
    console.log(`A tour of ${server}`);
    for (const [index, [title, step]] of tour.entries()) {
      console.log(`\n${bold(`${index + 1}. ${title}`)}`);
      await step();
    }
    console.log(`\n${green(`All ${tour.length} steps went as promised.`)}`);
  } catch (error) {
    process.exitCode = statusOf(error);
    const { message } = /** @type {Error} */ (error);
    console.error(error instanceof BrokenPromise ? `\n${red('Not as promised.')} Expected ${message}` : message);
  }
}

/** @param {unknown} error */
function statusOf(error) {
  if (error instanceof BrokenPromise) return 1;
  if (error instanceof WrongArguments) return EX_USAGE;
  if (error instanceof NoServer) return EX_UNAVAILABLE;
  throw error;
}

/** Where --url says; else where the server that runs on this DATA_DIR noted that it listens. */
function serverFromArguments() {
  try {
    const { values } = parseArgs({ options: { url: { type: 'string' } } });
    const port = fromDataDir('engines.json')?.PORT ?? (process.env.PORT || 3000);
    return new URL(values.url ?? `http://localhost:${port}`).origin;
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw new WrongArguments(`${message}\nusage: npm run demo -- [--url http://localhost:3000]`);
  }
}

/** Whether the server can reach what listens on this machine alone. */
export const isLoopbackServer = () => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(server).hostname);

/**
 * Sends a request, and asks again where the server wants to be given time.
 * @param {string} method
 * @param {string} path - below /api/v1, but for what is not: /dev and /health.
 * @param {{ status: number, code?: string, as?: { name: string, token: string }, body?: object, key?: string, quiet?: boolean }} options -
 *   `status` and the problem's `code` are what the answer must have; `key` makes a repeat one.
 */
export async function call(method, path, { status, code, as, body, key, quiet = false }) {
  const url = new URL(/^\/(dev|health)\//.test(path) ? path : `/api/v1${path}`, server);
  const asked = `${method} ${url.pathname}${url.search}`;
  if (!quiet) say(asked, as && dim(`as ${as.name}`), body && dim(brief(body)));
  const answer = await patiently(() => request(method, url, { token: as?.token, body, key }));
  const { code: problem, detail } = answer.body ?? {};
  const got = [answer.status, problem, problem && dim(detail)].filter(Boolean).join(' ');
  if (!quiet) say(`  ${got}`, answer.body && !problem && dim(brief(answer.body)));
  if (answer.status === status && (!code || problem === code)) return answer;
  throw new BrokenPromise(`${[status, code].filter(Boolean).join(' ')} from ${asked}; got ${got}`);
}

/** @param {() => ReturnType<typeof request>} ask */
async function patiently(ask) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    const wanted = Number(answer.headers.get('retry-after')) * 1_000;
    if (![429, 503].includes(answer.status) || !(wanted > 0) || Date.now() + wanted > deadline) return answer;
    const pause = Math.min(wanted, PAUSE_MS);
    say(dim(`  ${answer.status}: the server asks for patience; ${pause / 1_000} s`));
    await sleep(pause);
  }
}

/**
 * @param {string} method
 * @param {URL} url
 * @param {{ token?: string | undefined, body?: object | undefined, key?: string | undefined }} options
 */
async function request(method, url, { token, body, key }) {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body && { 'content-type': 'application/json' }),
    ...(key && { 'idempotency-key': key }),
  };
  const options = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(ANSWER_MS) };
  try {
    const answer = await fetch(url, options);
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : null };
  } catch (error) {
    if (error instanceof SyntaxError) throw new BrokenPromise(`JSON from ${method} ${url}; got something else`);
    throw new NoServer(`${server} does not answer. Start a server with \`npm start\`, or name yours with --url.`);
  }
}

/** The first admin's, as development keeps it, or as the environment has it. */
export function adminLogin() {
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password } = process.env;
  const login = email && password ? { email, password } : fromDataDir('admin.json');
  if (!login)
    throw new BrokenPromise(`the admin's login in ${dataDir}/admin.json or in ADMIN_EMAIL and ADMIN_PASSWORD`);
  return { email: login.email, password: login.password };
}

/** @param {string} name */
function fromDataDir(name) {
  try {
    return JSON.parse(readFileSync(join(dataDir, name), 'utf8'));
  } catch {
    return null;
  }
}

/**
 * @param {string} claim
 * @param {boolean} holds
 */
export function check(claim, holds) {
  if (!holds) throw new BrokenPromise(`that ${claim}`);
  say(`  ${green('✓')} ${claim}`);
}

/** @param {unknown[]} parts */
export const say = (...parts) => console.log(`   ${parts.filter(Boolean).join('  ')}`);

const SECRETS = [
  'password',
  'access_token',
  'refresh_token',
  'token',
  'mfa_token',
  'code',
  'secret',
  'key',
  'otpauth_url',
  'recovery_codes',
];
const WIDTH = 120;

/**
 * One line of JSON: without secrets, and of a list only what its items are called.
 * @param {object} body
 */
function brief(body) {
  const text = JSON.stringify(body, (name, value) => {
    if (SECRETS.includes(name)) return '…';
    return name === 'data' ? value.map((/** @type {any} */ { email, id }) => email ?? id) : value;
  });
  return text.length > WIDTH ? `${text.slice(0, WIDTH)}…` : text;
}

const paint = (/** @type {number} */ code) => (/** @type {string} */ text) =>
  process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[${code}m${text}\x1b[0m` : text;
const [bold, dim, red, green] = [1, 2, 31, 32].map(paint);
