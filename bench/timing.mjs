// `npm run bench:timing`: can the time of an answer tell whether an account exists? Known and unknown accounts are asked by
// turns, one request at a time, and the two samples compared: the area under the ROC curve (AUC) is the chance that a
// known account's answer took longer than an unknown one's; 0.5 says nothing, 1 or 0 all. Between 0.40 and 0.60 passes.
import { randomBytes } from 'node:crypto';
import { bootstrap } from '../bin/bootstrap.mjs';
import { startServer } from './server.mjs';

const SAMPLES = Number(process.env.SAMPLES ?? 200);
const [LEAST, MOST] = [0.4, 0.6];

await bootstrap();
const { url, stop } = await startServer();

/**
 * @param {string} path
 * @param {object} body
 */
async function post(path, body) {
  const begun = performance.now();
  const answer = await fetch(`${url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await answer.arrayBuffer();
  return { status: answer.status, ms: performance.now() - begun };
}

const someAddress = () => `${randomBytes(8).toString('hex')}@example.com`;
const password = 'a good long passphrase';

/** @type {[name: string, status: number, path: string, body: (email: string) => object][]} */
const QUESTIONS = [
  ['login', 401, '/auth/login', (email) => ({ email, password: 'some other passphrase' })],
  ['forgot', 202, '/auth/password/forgot', (email) => ({ email })],
  ['resend', 202, '/auth/email/resend', (email) => ({ email })],
];

/** Each question finds an account of its own, as an attacker would; asked again, it may be another one's turn. */
async function sample(/** @type {(typeof QUESTIONS)[number]} */ [name, expected, path, body]) {
  /** @type {Record<'known' | 'unknown', number[]>} */
  const times = { known: [], unknown: [] };
  for (let turn = 0; turn < SAMPLES; turn++) {
    const known = someAddress();
    await post('/users', { email: known, password, full_name: 'Ada' });
    const order = /** @type {const} */ (turn % 2 ? ['known', 'unknown'] : ['unknown', 'known']);
    for (const kind of order) {
      const { status, ms } = await post(path, body(kind === 'known' ? known : someAddress()));
      if (status !== expected) throw new Error(`${name} was answered ${status}`);
      times[kind].push(ms);
    }
  }
  return times;
}

/** @param {number[]} values */
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/**
 * @param {number[]} known
 * @param {number[]} unknown
 */
function areaUnderCurve(known, unknown) {
  let wins = 0;
  for (const one of known) for (const other of unknown) wins += one > other ? 1 : one === other ? 0.5 : 0;
  return wins / (known.length * unknown.length);
}

try {
  console.log(`${SAMPLES} of each, by turns\n`);
  console.log('question   median known   median unknown    AUC');
  for (const question of QUESTIONS) {
    const { known, unknown } = await sample(question);
    const auc = areaUnderCurve(known, unknown);
    const fine = auc >= LEAST && auc <= MOST;
    const figures = [known, unknown].map((times) => `${median(times).toFixed(2)} ms`.padStart(14));
    console.log(`${question[0].padEnd(8)} ${figures.join('   ')}   ${auc.toFixed(3)}${fine ? '' : '  <- it tells'}`);
    if (!fine) process.exitCode = 1;
  }
} finally {
  await stop();
}
