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

await bootstrap();

/** @typedef {{ guard: string, file: string, from: string | RegExp, to: string, tests: string[] }} Mutation */

/** @type {Mutation[]} */
const MUTATIONS = [
  {
    guard: 'the lock of a payment’s row',
    file: 'src/payments/payments.repository.ts',
    from: /, lock: \{ mode: 'pessimistic_write' \}/,
    to: '',
    tests: ['test/e2e/payments.races', '-t', 'F9'],
  },
  {
    guard: 'the index that allows one open try',
    file: 'migrations/1770001100000-payments.ts',
    from: 'CREATE UNIQUE INDEX payment_attempts_one_open',
    to: 'CREATE INDEX payment_attempts_one_open',
    tests: ['test/e2e/payments.guards', '-t', 'second try'],
  },
  {
    guard: 'the fencing of an overtaken request',
    file: 'src/payments/idempotency/idempotency-keys.ts',
    from: /async fence\(\): Promise<void> \{/,
    to: 'async fence(): Promise<void> {\n    if (this.timings) return;',
    tests: ['test/e2e/payments.(guards|processes)', '-t', 'F4'],
  },
  {
    guard: 'the ledger’s knowledge of what is posted',
    file: 'src/payments/ledger/ledger.repository.ts',
    from: '[id, tenant_id, event, source.type, source.id, payment_id]',
    to: '[id, tenant_id, event, source.type, id, payment_id]',
    tests: ['test/e2e/payments.guards', '-t', 'second posting'],
  },
  {
    guard: 'the trigger that balances the ledger',
    file: 'migrations/1770001120000-ledger.ts',
    from: /CREATE CONSTRAINT TRIGGER ledger_(entries|transactions)_balance[^;]*;/g,
    to: '',
    tests: ['test/e2e/payments.guards', '-t', 'I1'],
  },
  {
    guard: 'the cap of what goes back, in the database',
    file: 'migrations/1770001100000-payments.ts',
    from: 'amount_refunded + amount_refund_pending <= amount_captured',
    to: 'true',
    tests: ['test/e2e/payments.guards', '-t', 'payments_refunds_capped'],
  },
  {
    guard: 'the look at what is left',
    file: 'src/payments/repayments/refund-intents.ts',
    from: 'amount > max_refundable || amount === 0',
    to: 'amount === 0',
    tests: ['test/e2e/refunds.races', '-t', 'of mixed sizes'],
  },
  {
    guard: 'the look for a refund that is to be sent again',
    file: 'src/payments/repayments/refund-calls.ts',
    from: "if (made.kind !== 'rejected') return made;",
    to: "if (made.kind === 'unknown') return made;",
    tests: ['test/e2e/refunds.outcomes', '-t', 'looked for by our id'],
  },
  {
    guard: 'the inbox’s knowledge of what it has heard',
    file: 'src/payments/webhooks/webhooks.repository.ts',
    from: 'provider, provider_event_id, type, object, object_id, livemode],',
    to: 'provider, id + provider_event_id, type, object, object_id, livemode],',
    tests: ['test/e2e/payments.webhooks', '-t', 'writes an event down, once'],
  },
];

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
