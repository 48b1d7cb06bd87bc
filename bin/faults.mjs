// `npm run test:faults`: the whole matrix of crashes, in the background; each run is written down when it is over, and
// what has passed is not run again.
//   npm run test:faults                   begins, or goes on where it was
//   npm run test:faults -- --wait         the same, and waits for the end
//   npm run test:faults -- --shard=1/4    a part of it
//   npm run test:faults -- --status       how far it has come, as a table
//   npm run test:faults -- --afresh       forgets what has passed
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FOLDER, runTests } from './background.mjs';

const PROGRESS = join(FOLDER, 'progress.jsonl');
const LOG = join(FOLDER, 'log.txt');

const { values } = parseArgs({
  options: {
    wait: { type: 'boolean' },
    status: { type: 'boolean' },
    afresh: { type: 'boolean' },
    shard: { type: 'string', default: '1/1' },
  },
});

/** @typedef {{ name: string, point: string, faults: string[] }} Run */

/** The last word on each run. */
function runs() {
  const lines = existsSync(PROGRESS) ? readFileSync(PROGRESS, 'utf8').split('\n').filter(Boolean) : [];
  return new Map(
    lines.map((line) => {
      const run = /** @type {Run} */ (JSON.parse(line));
      return [run.name, run];
    }),
  );
}

function printStatus() {
  const all = [...runs().values()];
  console.log('| killed at | runs | passed |\n|---|---|---|');
  for (const point of new Set(all.map((run) => run.point))) {
    const here = all.filter((run) => run.point === point);
    console.log(`| ${point} | ${here.length} | ${here.filter(({ faults }) => faults.length === 0).length} |`);
  }
  const failed = all.filter(({ faults }) => faults.length > 0);
  for (const { name, faults } of failed) console.log(`FAILED ${name}: ${faults.join('; ')}`);
  console.log(`${all.length} of 352 runs, ${failed.length} failed`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

async function begin() {
  if (values.afresh) for (const file of [PROGRESS, LOG]) rmSync(file, { force: true });
  const env = { FAULTS_PROGRESS: PROGRESS, FAULTS_SHARD: values.shard };
  const options = { command: 'npm run test:faults', env, wait: values.wait, log: LOG };
  const status = await runTests('test/faults/crashes', options);
  if (status === null) return;
  printStatus();
  process.exitCode ||= status;
}

if (values.status) printStatus();
else await begin();
