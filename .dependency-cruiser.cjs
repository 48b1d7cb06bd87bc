/** What each folder of `src` may import beside itself and the foundation. A new folder takes its place here. */
const ARROWS = {
  config: [],
  common: [],
  database: [],
  redis: [],
  cache: [],
  limits: [],
  mail: [],
  audit: [],
  tenants: ['audit'],
  users: ['mail', 'audit', 'tenants'],
  auth: ['users', 'mail', 'audit', 'tenants'],
  exports: ['auth', 'users', 'mail', 'audit'],
  payments: ['users', 'mail', 'audit', 'tenants'],
  webhooks: ['payments', 'users', 'audit'],
  account: [],
  health: [],
  metrics: [],
  tracing: [],
};
const FOUNDATION = ['config', 'common', 'database', 'redis', 'cache', 'limits'];
const FEATURES = Object.keys(ARROWS).filter((folder) => !FOUNDATION.includes(folder));

const folders = (names) => `^src/(${names.join('|')})/`;
const packages = (names) => `(^|/)node_modules/(${names.join('|')})/`;

/** What Node is started with, or a command in bin/ loads. */
const ENTRIES = ['^src/main\\.ts$', '\\.main\\.ts$'];

/** Only these files know this package: an exchange of it stays one folder's affair. */
const onlyIn = (name, packageNames, files) => ({
  name: `${name}-stays-in-its-place`,
  severity: 'error',
  from: { path: '^(src|migrations)/', pathNot: files },
  to: { path: packages(packageNames) },
});

const arrows = Object.entries(ARROWS).map(([folder, allowed]) => ({
  name: `arrows-of-${folder}`,
  severity: 'error',
  from: { path: folders([folder]) },
  to: { path: folders(FEATURES.filter((other) => other !== folder && !allowed.includes(other))) },
}));

const REPOSITORIES = '\\.repository[^/]*\\.ts$';
const HTTP = packages(['fastify', '@fastify', '@nestjs/platform-fastify', 'find-my-way']);
const DRIVERS = packages([
  'typeorm',
  '@nestjs/typeorm',
  'pg',
  'mongoose',
  '@nestjs/mongoose',
  'stripe',
  'nodemailer',
  'ioredis',
  'bull',
  '@nestjs/bull',
]);

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-dead-files',
      comment: 'Reached from no entry point: delete it. Entities and migrations are found by their names.',
      severity: 'error',
      from: { path: ENTRIES },
      to: { path: '^src/', pathNot: ['\\.entity\\.ts$', ...ENTRIES], reachable: false },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-undeclared-package',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-optional'] },
    },
    {
      name: 'no-development-package-in-production',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: '^src/dev/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'every-folder-has-its-place',
      comment: 'Add the folder to ARROWS in .dependency-cruiser.cjs.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/[^/]+$', '^src/dev/', folders(Object.keys(ARROWS))] },
      to: {},
    },
    ...arrows,
    {
      name: 'config-stands-alone',
      severity: 'error',
      from: { path: '^src/config/' },
      to: { path: '^src/', pathNot: '^src/config/' },
    },
    {
      name: 'common-stands-on-config',
      severity: 'error',
      from: { path: '^src/common/' },
      to: { path: '^src/', pathNot: '^src/(common|config)/' },
    },
    {
      name: 'nobody-reaches-up',
      comment: 'main.ts and app.*.ts put the folders together; no folder knows them.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/dev/' },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'dev-is-reached-by-main-alone',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: '^src/(dev/|main\\.ts$)' },
      to: { path: '^src/dev/' },
    },
    {
      name: 'dev-is-loaded-on-demand',
      comment: 'A dynamic import, so that production never loads it.',
      severity: 'error',
      from: { path: '^src/main\\.ts$' },
      to: { path: '^src/dev/', dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'controllers-ask-services',
      severity: 'error',
      from: { path: '\\.controller\\.ts$' },
      to: { path: [REPOSITORIES, '^src/database/', '^src/redis/', DRIVERS] },
    },
    {
      name: 'services-know-neither-http-nor-a-driver',
      severity: 'error',
      from: { path: '\\.service\\.ts$' },
      to: { path: ['\\.controller\\.ts$', '^(node:)?https?2?$', HTTP, DRIVERS] },
    },
    {
      name: 'repositories-only-ask-the-database',
      severity: 'error',
      from: { path: REPOSITORIES },
      to: { path: ['\\.(controller|service|guard|processor)\\.ts$', HTTP] },
    },
    {
      name: 'features-keep-their-insides',
      comment: 'What a feature shows to the web, runs in the background or keeps in one store is its own affair.',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: {
        path: ['\\.(controller|dto|guard|interceptor|processor)\\.ts$', '\\.repository\\.[a-z]+\\.ts$'],
        pathNot: '^src/$1/',
      },
    },
    onlyIn('typeorm', ['typeorm'], ['^src/database/', REPOSITORIES, '\\.entity\\.ts$', '^migrations/']),
    onlyIn('nest-typeorm', ['@nestjs/typeorm'], ['^src/database/', '\\.module\\.ts$']),
    onlyIn('pg', ['pg'], ['^src/database/', '^src/dev/']),
    onlyIn(
      'mongoose',
      ['mongoose', 'mongodb', '@nestjs/mongoose'],
      ['\\.mongoose\\.ts$', '\\.schema\\.ts$', '/mongo\\.module\\.ts$'],
    ),
    onlyIn('stripe', ['stripe'], ['^src/payments/stripe/']),
    onlyIn('nodemailer', ['nodemailer'], ['/smtp\\.transport\\.ts$']),
    onlyIn('ioredis', ['ioredis'], ['^src/redis/']),
    onlyIn('prom-client', ['prom-client'], ['^src/metrics/']),
    onlyIn('opentelemetry', ['@opentelemetry'], ['^src/tracing/', '^src/common/trace\\.ts$']),
    onlyIn('bull', ['bull', '@nestjs/bull', '@bull-board'], ['^src/redis/', '\\.(queue|processor|module)\\.ts$']),
    onlyIn(
      'validation',
      ['class-validator', 'class-transformer'],
      ['\\.dto\\.ts$', '^src/common/', '^src/app\\.', '^src/config/addresses\\.ts$'],
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
    cache: { folder: 'node_modules/.cache/dependency-cruiser', strategy: 'content' },
  },
};
