// `npm run test:mutations`: takes away one guard of the payments at a time, in a copy of the sources, and sees whether a
// test notices: one that passes as long as the guard is there. Exit status 1 when none does.
//   npm run test:mutations -- ledger inbox   only the guards whose names hold one of these words
import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { exitStatusOf } from './application.mjs';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { MUTATIONS } from './guards.mjs';

await bootstrap();

/** @typedef {import('./guards.mjs').Mutation} Mutation */

const folder = mkdtempSync(join(tmpdir(), 'omni-mutations-'));
const missed = [];
try {
  copySources();
  for (const mutation of MUTATIONS.filter(({ guard }) => isAskedFor(guard))) {
    // A test that fails in any case would notice nothing.
    const sound = await passes(mutation.tests);
    const noticed = sound && !(await passesWithout(mutation));
    console.log(`${noticed ? 'noticed' : sound ? 'MISSED ' : 'UNSOUND'} without ${mutation.guard}`);
    if (!noticed) missed.push(mutation.guard);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = missed.length > 0 ? 1 : 0;

function copySources() {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  for (const file of files.trim().split('\n')) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
  symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(folder, 'node_modules'));
}

/** @param {string} guard */
function isAskedFor(guard) {
  const words = process.argv.slice(2);
  return words.length === 0 || words.some((word) => guard.includes(word));
}

/** @param {Mutation} mutation */
async function passesWithout({ guard, file, from, to, tests }) {
  const path = join(folder, file);
  const source = readFileSync(path, 'utf8');
  const mutated = source.replace(from, to);
  if (mutated === source)
    throw new Error(`${file} does not hold what makes ${guard}: bring bin/mutations.mjs up to date`);
  writeFileSync(path, mutated);
  try {
    return await passes(tests);
  } finally {
    writeFileSync(path, source);
  }
}

/** Whether these tests pass in the copy as it is: some of them, at least, since a name that no test has is no proof. */
async function passes(tests) {
  const report = join(folder, 'report.json');
  const args = ['bin/test.mjs', ...tests, '--maxWorkers=1', '--json', `--outputFile=${report}`];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'ignore'] });
  const status = await exitStatusOf(child);
  if (status !== 0) return false;
  return JSON.parse(readFileSync(report, 'utf8')).numPassedTests > 0;
}
