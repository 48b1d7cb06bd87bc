// Jobs: from a row of the outbox over the relay, Bull and the processor to its end, against Bull alone.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { atEnd } from './engines.mjs';
import { memoryOf } from './processes.mjs';
import { startBare, startServer } from './server.mjs';
import { uuidv7 } from '../dist/src/common/uuid.js';
import { Keyring } from '../dist/src/common/keyring.js';
import { readSettings } from '../dist/src/config/read-settings.js';

/** So many jobs for each second that a round is to take. */
const JOBS = 200;
const PATIENCE_MS = 120_000;
const TEXT = 'Welcome to our platform! Your account is ready: sign in with this e-mail address and your password.';
const MAIL = {
  from: 'bench@bench.example',
  to: 'ada@bench.example',
  subject: 'Welcome!',
  text: TEXT,
  html: `<p>${TEXT}</p>`,
};

/**
 * The worker is the application with `PROCESS_ROLE=worker`. The rows are written by SQL, sealed as it seals them; what is
 * told is how many of them it brings to their end in a second. Bare adds as many jobs to a queue and takes them out again.
 * - a mail: both hand one to a mail server.
 * - hardly anything: the worker looks for an account that nobody has, as after `POST /auth/password/forgot`; bare does nothing.
 * @param {import('./seed.mjs').Stage} stage
 * @returns {Promise<import('./requests.mjs').Cell[]>}
 */
export async function jobs(stage) {
  const { pool, redisUrl, smtpUrl } = stage.engines;
  // What requests have left behind is not ours to measure.
  await pool.query('DELETE FROM outbox');
  const worker = await startWorker(stage);
  const bull = await startBare('bull', { REDIS_URL: redisUrl, SMTP_URL: smtpUrl });
  atEnd(bull.stop);
  const keyring = new Keyring(readSettings(stage.variables));
  const deliver = async (/** @type {number} */ count, /** @type {string} */ topic, /** @type {object} */ payload) => {
    const rows = Array.from({ length: count }, () => {
      const id = uuidv7();
      const { key_id, sealed } = keyring.seal('outbox', JSON.stringify(payload), id);
      return { id, key_id, payload: sealed };
    });
    await pool.query(
      `INSERT INTO outbox (id, tenant_id, topic, dedupe_key, payload, key_id)
       SELECT id, '01900000-0000-7000-8000-000000000000', $1, id, payload, key_id
       FROM unnest($2::uuid[], $3::bytea[], $4::text[]) AS rows (id, payload, key_id)`,
      [topic, rows.map(({ id }) => id), rows.map(({ payload }) => payload), rows.map(({ key_id }) => key_id)],
    );
    return { rate: await rateOf(pool, count) };
  };
  const full_name = 'Ada Lovelace';
  const letter = { template: 'welcome', to: { name: full_name, address: MAIL.to }, data: { full_name } };
  const unknown = { kind: 'password_reset', email: `${randomUUID()}@bench.example` };
  const count = (/** @type {number} */ seconds) => Math.ceil(JOBS * seconds);
  return [
    {
      label: 'job: a mail, by outbox, Bull and processor, against Bull alone',
      ours: (seconds) => deliver(count(seconds), 'mail', letter),
      bare: (seconds) => bull.ask({ jobs: count(seconds), mail: MAIL }),
      target: 0.8,
    },
    {
      label: 'job: hardly anything, against Bull with nothing to do',
      ours: (seconds) => deliver(count(seconds), 'recovery', unknown),
      bare: (seconds) => bull.ask({ jobs: count(seconds) }),
    },
    memoryOf('memory: a worker while it works', worker.pid, (seconds) => deliver(count(seconds), 'mail', letter)),
  ];
}

/** @param {import('./seed.mjs').Stage} stage */
async function startWorker(stage) {
  const worker = await startServer({ ...stage.variables, PROCESS_ROLE: 'worker' });
  atEnd(worker.stop);
  return worker;
}

/**
 * Waits until every row is sent.
 * @param {import('pg').Pool} pool
 * @param {number} count
 * @returns {Promise<number>} rows a second, between the first end and the last.
 */
async function rateOf(pool, count) {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await sleep(100)) {
    const { rows } = await pool.query(
      `SELECT count(*)::int AS sent, extract(epoch FROM max(sent_at) - min(sent_at))::float8 AS seconds
       FROM outbox WHERE status = 'sent'`,
    );
    const [{ sent, seconds }] = rows;
    if (sent < count) continue;
    await pool.query('DELETE FROM outbox');
    return (sent - 1) / seconds;
  }
  throw new Error(`The worker did not do ${count} jobs within ${PATIENCE_MS} ms`);
}
