import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const README = read('README.md');
const section = (heading: string): string => README.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';

/** What stands between backquotes, but for the files that the recipe would make. */
const quoted = [...README.replace(section('Add a feature'), '').matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text);

const files = ['src', 'test', 'migrations', 'bin', 'bench'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
    (name) => `/${folder}/${name.replaceAll(sep, '/')}`,
  ),
);

/** Each test that the table names: its file, and its name or its group's. */
const proofs = [...section('Promises').matchAll(/`(test\/[^`]+)`: (.+?)(?=<br>| \|$)/gm)].map(
  ([, file = '', name = '']) => [name, file] as const,
);

describe('the README', () => {
  it.each(proofs)('points at a test that exists: %s', (name, file) => {
    expect(
      read(file)
        .replaceAll(String.raw`\'`, "'")
        .includes(name),
    ).toBe(true);
  });

  it('has a test for every promise', () => {
    const rows = section('Promises').match(/^\| (?!promise \|).*$/gm);
    expect(rows?.length).toBeGreaterThan(10);
    expect(rows?.filter((row) => !row.includes('| `test/'))).toEqual([]);
  });

  it.each(['shop.simulator.ts', 'shop.stripe.ts'])('shows %s, which is compiled and run', (name) => {
    const example = read(`test/support/examples/${name}`).replace('../../generated/openapi.js', './openapi.js');
    expect(README).toContain(`\`\`\`ts\n${example}\`\`\``);
  });

  it('names files that exist', () => {
    const named = quoted.filter((text) => /^[\w./-]+\.(ts|mjs|cjs)$/.test(text));
    expect(named.filter((name) => !files.some((path) => path.endsWith(`/${name}`)))).toEqual([]);
    expect(named.length).toBeGreaterThan(20);
  });

  it('names commands that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = quoted.flatMap((text) => /^npm run ([\w:]+)/.exec(text)?.[1] ?? []);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    expect(named.length).toBeGreaterThan(5);
  });
});
