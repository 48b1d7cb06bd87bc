// `npm run test:soak`: half an hour of payments and refunds under load, while a process is killed every twenty seconds.
//   npm run test:soak                              begins, in the background
//   npm run test:soak -- --wait                    the same, and waits for the end
//   npm run test:soak -- --minutes=5 --rate=20     shorter, with fewer requests a second
//   npm run test:soak -- --status                  the figures of the last run
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FOLDER, runTests } from './background.mjs';

const FIGURES = join(FOLDER, 'soak.json');
const LOG = join(FOLDER, 'soak.txt');

const { values } = parseArgs({
  options: {
    wait: { type: 'boolean' },
    status: { type: 'boolean' },
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '50' },
  },
});

function printStatus() {
  console.log(existsSync(FIGURES) ? readFileSync(FIGURES, 'utf8') : 'No run has come to its end yet.');
}

async function begin() {
  for (const file of [FIGURES, LOG]) rmSync(file, { force: true });
  const env = { SOAK_MINUTES: values.minutes, SOAK_RATE: values.rate, SOAK_FIGURES: FIGURES };
  const options = { command: 'npm run test:soak', env, wait: values.wait, log: LOG };
  const status = await runTests('test/faults/soak', options);
  if (status === null) return;
  printStatus();
  process.exitCode = status;
}

if (values.status) printStatus();
else await begin();
