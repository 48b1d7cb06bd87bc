// Requests: the application against what somebody would write by hand (`bare/server.mjs`), or against the one thing that
// they cannot do without (`bare/argon2.mjs`). The application is one process with `PROCESS_ROLE=api`: what is to be done
// behind a request is written down, as the server by hand does it too, and done in `jobs`.
import { randomUUID } from 'node:crypto';
import { atEnd } from './engines.mjs';
import { load } from './load.mjs';
import { logIn, PASSWORD, READERS } from './seed.mjs';
import { ADMIN, startBare, startServer } from './server.mjs';

/** @typedef {import('./seed.mjs').Stage} Stage */
/** @typedef {import('./load.mjs').Figures} Figures */
/**
 * @typedef {object} Cell - one line of the report: what is asked by turns, once in each round.
 * @property {string} label
 * @property {(seconds: number) => Promise<Partial<Figures> & { rate: number }>} ours
 * @property {(seconds: number) => Promise<Partial<Figures> & { rate: number }>} [bare]
 * @property {number} [target] - the least that ours may be of bare.
 * @property {string} [unit] - of the rate, `/s` unless told.
 * @property {number} [most_of_bare] - the most that ours may be of bare.
 * @property {number} [most] - the most that ours may be, in its unit.
 */

const CONNECTIONS = 8;

/** @type {Map<string, Promise<import('./seed.mjs').Person[]>>} */
const known = new Map();

/** People of a tenant that has no quota of its own, which is the longer way. @param {Stage} stage */
export function readers(stage) {
  const people = known.get('readers') ?? stage.people('readers', 1_000, READERS);
  known.set('readers', people);
  return people;
}

/**
 * `GET /users/me`. Bare: verify the token, one look-up of the session by primary key, one read of the user.
 * @param {Stage} stage
 * @returns {Promise<Cell[]>}
 */
export async function read(stage) {
  const people = await readers(stage);
  const second = await startServer({ ...stage.variables, PROCESS_ROLE: 'api' });
  atEnd(second.stop);
  const ask =
    (/** @type {'token' | 'bareToken'} */ token) => (/** @type {number} */ _, /** @type {number} */ index) => ({
      method: 'GET',
      path: '/api/v1/users/me',
      token: people[index % READERS]?.[token],
    });
  const ours = (/** @type {string | string[]} */ urls) => (/** @type {number} */ seconds) =>
    load(urls, ask('token'), { seconds, connections: CONNECTIONS });
  const { app, bareUrl } = stage;
  return [
    {
      label: 'read: `GET /users/me`',
      ours: ours(app.url),
      bare: (seconds) => load(bareUrl, ask('bareToken'), { seconds, connections: CONNECTIONS }),
      target: 0.5,
    },
    { label: 'read: two API processes, against one of them', ours: ours([app.url, second.url]), bare: ours(app.url) },
  ];
}

/**
 * Lists of users, as the admin of a tenant with so many of them asks. Bare: the page and the count, which goes no further
 * than the application's, as a role that row-level security does not bind.
 * @param {Stage} stage
 * @param {number[]} sizes
 * @returns {Promise<Cell[]>}
 */
export async function list(stage, sizes) {
  /** @type {Cell[]} */
  const cells = [];
  for (const size of sizes) {
    const people = await stage.people(`list-${size}`, size);
    const [admin] = people;
    // Somebody in the middle, who logs in nowhere.
    const { rows } = await stage.engines.pool.query(
      `SELECT email, username, full_name FROM users WHERE tenant_id = (SELECT id FROM tenants WHERE name = $1)
       ORDER BY created_at OFFSET $2 LIMIT 1`,
      [`list-${size}`, size / 2],
    );
    const ask = (/** @type {string} */ query, /** @type {'token' | 'bareToken'} */ token) => () => ({
      method: 'GET',
      path: `/api/v1/users${query}`,
      token: admin?.[token],
    });
    for (const [label, query] of questionsOf(size, rows[0]))
      cells.push({
        label: `list of 10^${Math.log10(size)}: ${label}`,
        ours: (seconds) => load(stage.app.url, ask(query, 'token'), { seconds: seconds / 5, connections: 2 }),
        bare: (seconds) => load(stage.bareUrl, ask(query, 'bareToken'), { seconds: seconds / 5, connections: 2 }),
        target: 0.6,
      });
  }
  return cells;
}

/** @param {number} size @param {{ email: string, username: string, full_name: string }} somebody */
const questionsOf = (size, { email, username, full_name }) => [
  ['page 1', ''],
  ['page 10', '?page=10'],
  ['the last page', `?page=${size / 20}`],
  ['search by e-mail', `?q=${email.slice(0, 9)}`],
  ['search by username', `?q=${username.slice(0, 9)}`],
  ['search by name', `?q=${encodeURIComponent(full_name.slice(0, 9))}`],
  ['search, many found', `?q=${email.slice(0, 1)}`],
  ['by e-mail', '?sort=email'],
  ['by name, descending', '?sort=-full_name'],
];

/**
 * Argon2id is what a sign-up costs; as many connections as hashes at once, and two more that wait.
 * @param {Stage} stage
 * @returns {Promise<Cell[]>}
 */
export async function signUp(stage) {
  const argon2 = await startBare('argon2');
  atEnd(argon2.stop);
  const ask = () => ({
    method: 'POST',
    path: '/api/v1/users',
    status: 201,
    body: { email: `${randomUUID()}@bench.example`, password: PASSWORD, full_name: 'Ada Lovelace' },
  });
  return [
    {
      label: 'sign-up: `POST /users`, against Argon2id alone',
      ours: (seconds) => load(stage.app.url, ask, { seconds, connections: 4 }),
      bare: (seconds) => argon2.ask({ work: 'hash', seconds }),
      target: 0.9,
    },
  ];
}

/** @param {Stage} stage @returns {Promise<Cell[]>} */
export async function login(stage) {
  const people = await readers(stage);
  const argon2 = await startBare('argon2');
  atEnd(argon2.stop);
  const ask = (/** @type {number} */ turn) => ({
    method: 'POST',
    path: '/api/v1/auth/login',
    body: { email: people[turn % READERS]?.email, password: PASSWORD },
  });
  return [
    {
      label: 'login: `POST /auth/login`, against Argon2id alone',
      ours: (seconds) => load(stage.app.url, ask, { seconds, connections: 4 }),
      bare: (seconds) => argon2.ask({ work: 'verify', seconds }),
      target: 0.9,
    },
  ];
}

/**
 * A payment with a good card, created and confirmed at once, at the simulated bank. Bare: `bare/payments.mjs`.
 * @param {Stage} stage
 * @returns {Promise<Cell[]>}
 */
export async function payment(stage) {
  const people = await readers(stage);
  const ask = (/** @type {'token' | 'bareToken'} */ token) => (/** @type {number} */ turn) => ({
    method: 'POST',
    path: '/api/v1/payments',
    token: people[turn % READERS]?.[token],
    status: 201,
    body: { amount: 4_200, currency: 'EUR', payment_method: 'pm_sim_success' },
    headers: { 'idempotency-key': randomUUID() },
  });
  return [
    {
      label: 'payment: `POST /payments`, created and confirmed',
      ours: (seconds) => load(stage.app.url, ask('token'), { seconds, connections: CONNECTIONS }),
      bare: (seconds) => load(stage.bareUrl, ask('bareToken'), { seconds, connections: CONNECTIONS }),
      target: 0.5,
    },
  ];
}

/** What one tenant may ask in a minute, and what it does ask in a second: ten times as much. */
const QUOTA = 600;
const GREED = 100;

/**
 * RL10: a tenant at its quota does not slow another one down. Somebody of tenant B asks 50 times a second, with and without
 * somebody of tenant A who asks for ten times what A may, and is refused. What is told is the 95th percentile of B's times.
 * @param {Stage} stage
 * @returns {Promise<Cell[]>}
 */
export async function neighbours(stage) {
  const [[greedy], [patient]] = await Promise.all([stage.people('greedy', 10), stage.people('patient', 10)]);
  const platform = await logIn(stage.app.url, ADMIN.email, ADMIN.password);
  const { rows } = await stage.engines.pool.query(`SELECT id FROM tenants WHERE name = 'greedy'`);
  const limited = await fetch(`${stage.app.url}/api/v1/tenants/${rows[0].id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${platform}` },
    body: JSON.stringify({ requests_per_minute: QUOTA }),
  });
  if (!limited.ok) throw new Error(`The quota was answered ${limited.status}`);
  const ask = (/** @type {import('./seed.mjs').Person | undefined} */ person) => () => ({
    method: 'GET',
    path: '/api/v1/users/me',
    token: person?.token,
    status: person === greedy ? [200, 429] : 200,
  });
  const alone = async (/** @type {number} */ seconds) => {
    const { p95 } = await load(stage.app.url, ask(patient), { seconds, connections: 2, per_second: 50 });
    return { rate: p95 };
  };
  return [
    {
      label: 'RL10: 95th percentile of tenant B while tenant A is refused, against B alone',
      ours: async (seconds) => {
        const flood = load(stage.app.url, ask(greedy), { seconds, connections: 4, per_second: GREED });
        const [figures] = await Promise.all([alone(seconds), flood]);
        return figures;
      },
      bare: alone,
      unit: ' ms',
      most_of_bare: 1.1,
    },
  ];
}
