// `npm run licences`: under which terms the packages that are shipped may be used, as package-lock.json has it. Fails on
// terms that would reach into our own code, and on those that nobody has looked at.
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** They ask for their text to be kept, and for nothing else of ours. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

/** @typedef {{ version?: string, license?: string, dev?: boolean }} Locked */

/**
 * An SPDX expression as packages write them: the offer of one allowed licence is enough, a demand for two wants both.
 * @param {string} expression
 */
export const isAllowed = (expression) =>
  expression
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some((offer) => offer.split(' AND ').every((licence) => ALLOWED.has(licence.trim())));

/**
 * @param {{ packages: Record<string, Locked> }} lock
 * @returns {Map<string, string[]>} the shipped packages by licence.
 */
export function licencesOf({ packages }) {
  /** @type {Map<string, string[]>} */
  const licences = new Map();
  for (const [path, { version, license = 'none given', dev }] of Object.entries(packages)) {
    if (path === '' || dev) continue;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    licences.set(license, [...(licences.get(license) ?? []), `${name}@${version}`]);
  }
  return new Map([...licences].toSorted(([a], [b]) => a.localeCompare(b)));
}

/** Of this project's own lock. */
export const ownLicences = () =>
  licencesOf(JSON.parse(readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8')));

if (realpathSync(process.argv[1]) === import.meta.filename) {
  for (const [licence, packages] of ownLicences()) {
    const judged = isAllowed(licence) ? '' : '  <- not among those that we may ship: see bin/licences.mjs';
    if (judged) process.exitCode = 1;
    console.log(`${licence} (${packages.length})${judged}\n  ${packages.join('\n  ')}`);
  }
}
