// `npm run --silent sbom`: the bill of materials of what is shipped, from package-lock.json, in CycloneDX 1.5. npm's own
// `npm sbom --omit dev` leaves out whatever a development package wants too, such as pg and @nestjs/core.
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {{ version?: string, license?: string, integrity?: string, resolved?: string, dev?: boolean, optional?: boolean,
 *   dependencies?: Record<string, string>, optionalDependencies?: Record<string, string>, peerDependencies?: Record<string, string> }} Locked
 * @typedef {{ name: string, version: string, packages: Record<string, Locked> }} Lock
 */

const FOLDER = 'node_modules/';

/** @param {string} path - `node_modules/a/node_modules/@s/b` */
const nameOf = (path) => path.slice(path.lastIndexOf(FOLDER) + FOLDER.length);

/** As a package URL has it. @param {string} name @param {string} [version] */
const purlOf = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`;

/**
 * @param {Lock} lock
 * @see https://cyclonedx.org/docs/1.5/json/
 */
export function billOf({ name, version, packages }) {
  const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev);
  const root = { type: 'application', 'bom-ref': purlOf(name, version), name, version, purl: purlOf(name, version) };
  const components = new Map(
    shipped.map(([path, locked]) => [purlOf(nameOf(path), locked.version), component(path, locked)]),
  );
  const dependencies = [['', packages[''] ?? {}], ...shipped].map(([path, locked]) => ({
    ref: path === '' ? root['bom-ref'] : purlOf(nameOf(path), locked.version),
    dependsOn: wantedBy(path, locked, packages),
  }));
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { lifecycles: [{ phase: 'pre-build' }], component: root },
    components: [...components.values()],
    dependencies: merged(dependencies),
  };
}

/** @param {string} path @param {Locked} locked */
function component(path, { version, license, integrity, resolved, optional }) {
  const name = nameOf(path);
  return {
    type: 'library',
    'bom-ref': purlOf(name, version),
    name,
    version,
    scope: optional ? 'optional' : 'required',
    purl: purlOf(name, version),
    ...(integrity && { hashes: integrity.split(' ').map(hashOf) }),
    ...(license && { licenses: [/[ (]/.test(license) ? { expression: license } : { license: { id: license } }] }),
    ...(resolved && { externalReferences: [{ type: 'distribution', url: resolved }] }),
  };
}

/** A subresource integrity, `sha512-<base64>`. @param {string} integrity */
function hashOf(integrity) {
  const [, algorithm = '', digest = ''] = /^(\w+)-(.*)$/.exec(integrity) ?? [];
  return { alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(digest, 'base64').toString('hex') };
}

/**
 * What a package gets of what it wants, from the folder that is nearest to it; what is not shipped is no part of it.
 * @param {string} path @param {Locked} locked @param {Record<string, Locked>} packages
 */
function wantedBy(path, { dependencies, optionalDependencies, peerDependencies }, packages) {
  const names = Object.keys({ ...peerDependencies, ...optionalDependencies, ...dependencies });
  const found = names.flatMap((name) => {
    for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf(`/${FOLDER}`)))) {
      const at = folder === '' ? `${FOLDER}${name}` : `${folder}/${FOLDER}${name}`;
      const locked = packages[at];
      if (locked) return locked.dev ? [] : [purlOf(name, locked.version)];
      if (folder === '') return [];
    }
  });
  return [...new Set(found)].toSorted();
}

/** One package in several folders is one component. @param {{ ref: string, dependsOn: string[] }[]} dependencies */
function merged(dependencies) {
  /** @type {Map<string, Set<string>>} */
  const all = new Map();
  for (const { ref, dependsOn } of dependencies) all.set(ref, new Set([...(all.get(ref) ?? []), ...dependsOn]));
  return [...all].map(([ref, dependsOn]) => ({ ref, dependsOn: [...dependsOn].toSorted() }));
}

/** Of this project's own lock. */
export const ownBill = () =>
  billOf(JSON.parse(readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8')));

if (realpathSync(process.argv[1]) === import.meta.filename) console.log(JSON.stringify(ownBill(), null, 2));
