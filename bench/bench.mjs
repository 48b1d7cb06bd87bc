// `npm run bench`: how fast the application is as it ships, in numbers that another machine can compare: each is set against
// the bare thing that does the same work, in the same run, by turns.
//   npm run bench                              everything; about ten minutes
//   npm run bench -- read list                 these alone: read, list, sign-up, login, payment, jobs, start, memory, neighbours
//   npm run bench -- --rounds 3 --seconds 2    fewer rounds, longer ones
//   npm run bench -- list --rows 1000,100000   with tenants of so many users; up to 1000000
// Engines are its own, in a temporary folder; a developer's data is not touched. A target that is missed is no failure:
// what a machine that does other things meanwhile says is nothing to stop a build for.
import { parseArgs } from 'node:util';
import { bootstrap } from '../bin/bootstrap.mjs';

const SIZES = '1000,10000,100000,1000000';
const MEASUREMENTS = ['read', 'list', 'sign-up', 'login', 'payment', 'jobs', 'start', 'memory', 'neighbours'];
/** So much of a round's time goes to what is not looked at: code is compiled, connections and caches fill. */
const WARM_UP = 0.5;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    rows: { type: 'string', default: SIZES },
  },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
const sizes = values.rows.split(',').map(Number);
const unknown = positionals.filter((name) => !MEASUREMENTS.includes(name));
if (unknown.length > 0 || !(rounds >= 1) || !(seconds > 0) || !sizes.every((size) => size >= 1_000)) {
  console.error(`npm run bench -- [${MEASUREMENTS.join(' ')}] [--rounds 5] [--seconds 1] [--rows ${SIZES}]`);
  process.exit(2);
}
const chosen = MEASUREMENTS.filter((name) => positionals.length === 0 || positionals.includes(name));

await bootstrap();
const { endAll, startEngines } = await import('./engines.mjs');

/**
 * @param {string} name
 * @param {import('./seed.mjs').Stage} stage
 * @returns {Promise<import('./requests.mjs').Cell[]>}
 */
async function cellsOf(name, stage) {
  const [requests, { jobs }, { start, memory }] = await Promise.all([
    import('./requests.mjs'),
    import('./jobs.mjs'),
    import('./processes.mjs'),
  ]);
  const { read, list, signUp, login, payment, neighbours } = requests;
  const all = { read, 'sign-up': signUp, login, payment, jobs, start, memory, neighbours };
  return name === 'list' ? list(stage, sizes) : all[/** @type {keyof typeof all} */ (name)](stage);
}

/**
 * One after the other, never two at a time; who is first changes from round to round.
 * @param {import('./requests.mjs').Cell[]} cells
 */
async function measure(cells) {
  const results = cells.map((cell) => ({ cell, ours: [], bare: [], p50: [] }));
  for (const { ours, bare } of cells) {
    await ours(WARM_UP * seconds);
    await bare?.(WARM_UP * seconds);
  }
  for (let round = 0; round < rounds; round++)
    for (const { cell, ...figures } of /** @type {import('./report.mjs').Result[]} */ (results)) {
      const turns = [['ours', cell.ours], ...(cell.bare ? [['bare', cell.bare]] : [])];
      for (const [who, ask] of /** @type {['ours' | 'bare', import('./requests.mjs').Cell['ours']][]} */ (
        round % 2 ? turns.toReversed() : turns
      )) {
        const { rate, p50 } = await ask(seconds);
        figures[who].push(rate);
        if (who === 'ours' && p50 !== undefined) figures.p50.push(p50);
      }
    }
  return results;
}

/** @type {import('./report.mjs').Result[]} */
const results = [];
/** @type {import('./report.mjs').Result[]} */
const lists = [];

/** @param {import('./engines.mjs').Engines} engines */
async function report({ versions }) {
  if (results.length + lists.length === 0) return;
  const { heading, listTable, table } = await import('./report.mjs');
  console.log(`\n${heading(versions, { rounds, seconds })}\n`);
  if (results.length > 0) console.log(`${table(results)}\n`);
  if (lists.length > 0) console.log(`${listTable(lists)}\n`);
}

try {
  const { startStage } = await import('./seed.mjs');
  const engines = await startEngines();
  const stage = await startStage(engines);
  try {
    for (const name of chosen) {
      process.stderr.write(`${name} ... `);
      const begun = Date.now();
      (name === 'list' ? lists : results).push(...(await measure(await cellsOf(name, stage))));
      process.stderr.write(`${((Date.now() - begun) / 1_000).toFixed(0)} s\n`);
    }
  } finally {
    // What was measured before something failed is worth as much.
    await report(engines);
  }
} finally {
  await endAll();
}
process.exit();
