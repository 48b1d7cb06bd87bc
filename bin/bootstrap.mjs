// What every command does first: the right Node, the packages of the lock file, and a build of the sources as they are.
// Does nothing, and says nothing, when all of that is in place.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exclusively } from './exclusively.mjs';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LEAST_NODE = [20, 19];

/** @param {{ build?: boolean }} [options] */
export async function bootstrap({ build = true } = {}) {
  requireNode();
  if (isInstalled() && (!build || isBuilt())) return;
  await exclusively(ROOT, async () => {
    if (!isInstalled()) await step('Installing the packages of package-lock.json', install);
    if (build && !isBuilt()) await step('Building', compile);
  });
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return;
  fail(
    `This needs Node ${LEAST_NODE.join('.')} or newer, and this is ${process.versions.node}: see https://nodejs.org`,
  );
}

/**
 * Compares what npm noted at the end of its last installation with the lock. Packages for other platforms may be missing.
 * Times of files tell nothing: a checkout sets them anew.
 */
function isInstalled() {
  const installed = packagesIn('node_modules/.package-lock.json');
  const wanted = packagesIn('package-lock.json');
  if (!installed || !wanted) return false;
  const differs = ([path, { version, integrity }]) =>
    wanted[path]?.version !== version || wanted[path].integrity !== integrity;
  const isMissing = ([path, { optional }]) => path !== '' && !optional && !installed[path];
  return !Object.entries(installed).some(differs) && !Object.entries(wanted).some(isMissing);
}

function packagesIn(file) {
  try {
    return JSON.parse(readIfThere(file) ?? '').packages;
  } catch {
    return null;
  }
}

/** No package needs its install script, and the tools are needed whatever NODE_ENV says. */
const install = () => run(...npm(), 'ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund');

/** @returns {string[]} how to run npm without a shell: its script, which npm names to what it starts, or which lies beside Node. */
export function npm() {
  const home = dirname(process.execPath);
  const scripts = [
    process.env.npm_execpath ?? '',
    join(home, 'node_modules/npm/bin/npm-cli.js'),
    join(home, '../lib/node_modules/npm/bin/npm-cli.js'),
  ];
  const script = scripts.find((file) => basename(file) === 'npm-cli.js' && existsSync(file));
  return script ? [process.execPath, script] : ['npm'];
}

const STAMP = 'dist/.built';

const isBuilt = () => readIfThere(STAMP) === stampOf(sources());

const sources = () => digest(['tsconfig.json', 'package-lock.json', ...filesIn('src'), ...filesIn('migrations')]);

/** With the compiler's notes in it: whoever else builds into dist changes those. */
const stampOf = (built) => `${built} ${digest(['dist/.tsbuildinfo'])}`;

async function compile() {
  // What is saved while the compiler runs may be missing from its work.
  const built = sources();
  await run(process.execPath, 'node_modules/typescript/bin/tsc', '-p', 'tsconfig.json');
  dropOrphans();
  writeFileSync(join(ROOT, STAMP), stampOf(built));
}

/** The compiler leaves behind what it once made of a source that is gone; a migration would still be run. */
function dropOrphans() {
  for (const file of [...filesIn('dist/src'), ...filesIn('dist/migrations')]) {
    const source = file.slice('dist/'.length).replace(/\.js(\.map)?$/, '.ts');
    if (!existsSync(join(ROOT, source))) rmSync(join(ROOT, file));
  }
}

function filesIn(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => relative(ROOT, join(parentPath, name))).sort();
}

function digest(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0${readIfThere(file)}\0`);
  return hash.digest('hex');
}

function readIfThere(file) {
  try {
    return readFileSync(join(ROOT, file), 'utf8');
  } catch {
    return null;
  }
}

/** A line for each step, with its seconds; on stderr, since stdout is the command's own. */
async function step(title, work) {
  const begun = Date.now();
  process.stderr.write(`${title} ... `);
  await work();
  process.stderr.write(`${((Date.now() - begun) / 1_000).toFixed(1)} s\n`);
}

/** Runs a program to its end, and shows what it said when it fails. It ends with us. */
function run(program, ...args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], shell: program === 'npm' });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    const end = () => {
      child.kill();
      process.exit(130);
    };
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, end);
    child.once('error', (error) => fail(`failed: ${error.message}`));
    child.once('close', (code) => {
      for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, end);
      return code === 0 ? resolve() : fail(`failed:\n${output}`);
    });
  });
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
