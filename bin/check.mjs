// `npm run check`: everything that can be known without running the application. A line for each check; the output of
// those that fail.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';

await bootstrap({ build: false });

/** @typedef {{ name: string, command: string[], after?: string }} Check */

/** Some tools colour what they say for a log too, when CI is set. */
const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1' };

const HOUSE_RULES = 'jest -c test/jest.config.cjs --selectProjects unit --verbose=false test/unit/architecture';

/** Of whoever has nothing of ours but the document: test/e2e/client.e2e.ts is written in them. */
const CLIENT_TYPES = 'test/generated/openapi.ts';

/** @type {Check[]} the slow ones first. */
const CHECKS = [
  { name: 'types', command: ['bin/build.mjs'] },
  { name: 'client types', command: tool('openapi-typescript', `openapi-typescript openapi.json -o ${CLIENT_TYPES}`) },
  { name: 'types of tests', command: tool('typescript', 'tsc -p test/tsconfig.json'), after: 'client types' },
  { name: 'house rules', command: tool('jest', HOUSE_RULES) },
  { name: 'imports', command: tool('dependency-cruiser', 'depcruise --config .dependency-cruiser.cjs src migrations') },
  { name: 'lint', command: tool('oxlint', 'oxlint') },
  { name: 'format', command: tool('oxfmt', 'oxfmt --check') },
  { name: 'lock file', command: ['bin/check-lock.mjs'] },
  { name: 'openapi', command: tool('@redocly/cli', 'redocly lint openapi.json') },
  { name: 'generated files', command: ['bin/generate.mjs', '--check'], after: 'types' },
];

/**
 * How Node itself runs what a package brings, on Windows too.
 * @param {string} packageName
 * @param {string} line
 */
function tool(packageName, line) {
  const folder = join(ROOT, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const [command = '', ...args] = line.split(' ');
  return [join(folder, typeof bin === 'string' ? bin : bin[command]), ...args];
}

/**
 * @param {Check} check
 * @returns {Promise<boolean>} whether it passed.
 */
function run({ name, command }) {
  const began = performance.now();
  const child = spawn(process.execPath, command, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  /** @type {Buffer[]} */
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
  return new Promise((resolve) => {
    child.on('close', (status) => {
      const seconds = ((performance.now() - began) / 1_000).toFixed(1);
      console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(16)}${seconds.padStart(5)} s`);
      if (status !== 0) console.log(Buffer.concat(output).toString().trim().replaceAll(/^/gm, '     '));
      resolve(status === 0);
    });
  });
}

/** As many at once as there are processors, each after what it waits for. */
async function runAll() {
  const waiting = [...CHECKS];
  /** @type {Map<string, Promise<boolean>>} */
  const results = new Map();
  const lane = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) {
      if (check.after) await results.get(check.after);
      const result = run(check);
      results.set(check.name, result);
      await result;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return Promise.all(results.values());
}

const passed = await runAll();
process.exitCode = passed.every(Boolean) ? 0 : 1;
