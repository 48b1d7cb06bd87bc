// Says what is wrong with package-lock.json: things that `npm ci` on another platform would stumble over.
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

const PUBLIC_REGISTRY = 'registry.npmjs.org';

/**
 * @typedef {{ resolved?: string, optionalDependencies?: Record<string, string>, hasInstallScript?: boolean }} Locked
 * @typedef {{ packages: Record<string, Locked> }} Lock
 * @typedef {{ allowScripts?: Record<string, boolean> }} Manifest
 */

/**
 * @param {Lock} lock
 * @param {Manifest} manifest
 * @returns {string[]} a sentence for each mistake.
 */
export const lockMistakes = (lock, manifest) => [
  ...missingPlatforms(lock),
  ...foreignHosts(lock),
  ...unreviewedScripts(lock, manifest),
];

/**
 * npm leaves out of the lock a platform's package that the registry lacked when the lock was written; `npm ci` then
 * refuses the lock, here and everywhere (npm/cli#4828).
 * @param {Lock} lock
 */
function* missingPlatforms({ packages }) {
  for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
    for (const name of Object.keys(optionalDependencies)) {
      if (!folders(path).some((folder) => packages[`${folder}node_modules/${name}`]))
        yield `${path || 'package.json'} wants ${name}, which has no entry of its own`;
    }
  }
}

/**
 * Where Node looks for what a package imports: in itself, then in each package around it.
 * @param {string} path
 * @returns {string[]}
 */
function folders(path) {
  const outer = path.slice(0, Math.max(0, path.lastIndexOf('node_modules/')));
  return path ? [`${path}/`, ...folders(outer.slice(0, -1))] : [''];
}

/** @param {Lock} lock */
function* foreignHosts({ packages }) {
  for (const [path, { resolved }] of Object.entries(packages)) {
    if (resolved && new URL(resolved).host !== PUBLIC_REGISTRY)
      yield `${path} is bound to another registry than the public one`;
  }
}

/**
 * @param {Lock} lock
 * @param {Manifest} manifest
 */
function* unreviewedScripts({ packages }, { allowScripts = {} }) {
  const named = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);
  const names = new Set(named.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)));
  for (const name of names) {
    if (allowScripts[name] !== false) yield `${name} has an install script: deny it in package.json's allowScripts`;
  }
  for (const name of Object.keys(allowScripts)) {
    if (!names.has(name)) yield `allowScripts names ${name}, which has no install script`;
  }
}

/** @param {string} name */
const read = (name) => JSON.parse(readFileSync(join(import.meta.dirname, '..', name), 'utf8'));

/** The mistakes of this project's own lock. */
export const ownLockMistakes = () => lockMistakes(read('package-lock.json'), read('package.json'));

if (realpathSync(process.argv[1]) === import.meta.filename) {
  const mistakes = ownLockMistakes();
  for (const mistake of mistakes) console.error(mistake);
  process.exitCode = mistakes.length > 0 ? 1 : 0;
}
