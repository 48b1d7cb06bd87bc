import { lockMistakes, ownLockMistakes } from '../../bin/check-lock.mjs';

it('finds the lock file fit for every platform', () => {
  expect(ownLockMistakes()).toEqual([]);
});

describe('what is wrong with a lock', () => {
  const optional = { optionalDependencies: { binary: '1' } };

  it("misses a platform's package that has no entry", () => {
    expect(lockMistakes({ packages: { 'node_modules/tool': optional } }, {})).toEqual([
      'node_modules/tool wants binary, which has no entry of its own',
    ]);
  });

  it.each([
    'node_modules/binary',
    'node_modules/tool/node_modules/binary',
    'node_modules/tool/node_modules/a/node_modules/binary',
  ])('finds that package at %s', (path) => {
    expect(lockMistakes({ packages: { 'node_modules/tool/node_modules/a': optional, [path]: {} } }, {})).toEqual([]);
  });

  it('does not take a package for it that only a neighbour sees', () => {
    const packages = { 'node_modules/tool': optional, 'node_modules/neighbour/node_modules/binary': {} };

    expect(lockMistakes({ packages }, {})).toHaveLength(1);
  });

  it('is a host that others do not reach', () => {
    const bound = (host: string) => lockMistakes({ packages: { a: { resolved: `https://${host}/a.tgz` } } }, {});

    expect(bound('registry.npmjs.org')).toEqual([]);
    expect(bound('mirror.example.com')).toEqual(['a is bound to another registry than the public one']);
  });

  it('is an install script that is not denied, or a denial of none', () => {
    const packages = { 'node_modules/@a/b': { hasInstallScript: true }, 'node_modules/c': {} };

    expect(lockMistakes({ packages }, { allowScripts: { '@a/b': false } })).toEqual([]);
    expect(lockMistakes({ packages }, { allowScripts: { '@a/b': true, c: false } })).toEqual([
      "@a/b has an install script: deny it in package.json's allowScripts",
      'allowScripts names c, which has no install script',
    ]);
  });
});
