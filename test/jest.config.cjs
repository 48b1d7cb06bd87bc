const { join } = require('node:path');

const rootDir = join(__dirname, '..');

/** tsc's decorators and class fields, as CommonJS, which Jest can load on every Node that we support. */
const swc = (parser) => [
  '@swc/jest',
  {
    jsc: {
      parser,
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
      target: 'es2022',
      keepClassNames: true,
    },
    module: { type: 'commonjs' },
  },
];

const project = (displayName, testMatch, engines) => ({
  displayName,
  rootDir,
  testMatch: [testMatch].flat().map((pattern) => join(rootDir, 'test', pattern)),
  testEnvironment: join(__dirname, 'support/environment.cjs'),
  transform: {
    '\\.ts$': swc({ syntax: 'typescript', decorators: true }),
    '\\.m?js$': swc({ syntax: 'ecmascript' }),
  },
  // Our packages are ESM: what lies in node_modules is transformed like our own. TypeScript is large, and is not.
  transformIgnorePatterns: ['/node_modules/typescript/'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1.js', '$1.ts'] },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/\\.data/'],
  ...(engines && {
    globalSetup: join(__dirname, 'support/global-setup.mjs'),
    globalTeardown: join(__dirname, 'support/global-teardown.mjs'),
  }),
});

/** All of them are run in shares (test/support/shares.ts), one that is asked for by itself. */
const inShares = Boolean(process.env['OMNI_TEST_SHARES']);

const projects = [
  project('unit', 'unit/**/*.spec.ts', false),
  project('contract', 'contract/**/*.spec.ts', true),
  project('e2e', inShares ? 'shares/e2e.*.share.ts' : 'e2e/**/*.e2e.ts', true),
  project('long', inShares ? ['shares/long.*.share.ts', 'long/fuzz.e2e.ts'] : 'long/**/*.e2e.ts', true),
];
// They take long, and run when they are asked for: --selectProjects faults.
// These start clusters and the like.
if (process.argv.includes('cluster')) projects.push(project('cluster', 'cluster/**/*.spec.ts', true));
if (process.argv.includes('faults')) projects.push(project('faults', 'faults/**/*.spec.ts', true));

module.exports = {
  rootDir,
  projects,
  cacheDirectory: join(rootDir, 'node_modules/.cache/jest'),
  maxWorkers: 2,
  // A machine may be busy with other things: nothing here is about how long it takes.
  testTimeout: 60_000,
  reporters: ['default', join(__dirname, 'support/routes.reporter.mjs')],
};
