import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rawSettings, readSettings, type RawSettings } from '../../src/config/read-settings.js';
import type { Settings } from '../../src/config/settings.js';
import { variables } from '../../src/config/variable.js';
import { mistakes } from '../support/mistakes.js';

const MINUTE = 60_000;
const SECRET = 'kR8vT2xQ9mLw4Zc7Yb1Nd6Hs3Pf5Jg0A';
const PRODUCTION = {
  NODE_ENV: 'production',
  POSTGRES_URL: 'postgres://app:pw@db/omni',
  REDIS_URL: 'redis://cache',
  SMTP_URL: 'smtp://mail',
  PUBLIC_URL: 'https://api.example.com',
  SECRET_KEY: SECRET,
};

const DEFAULTS: [name: keyof Settings, value: unknown][] = [
  ['APP_NAME', 'Omni Enterprise Ultra Max'],
  ['APP_VERSION', '2.0.0'],
  ['DEBUG', false],
  ['NODE_ENV', 'development'],
  ['HOST', '127.0.0.1'],
  ['PORT', 3000],
  ['OPS_HOST', '127.0.0.1'],
  ['OPS_PORT', 3001],
  ['OPS_TOKEN', undefined],
  ['PUBLIC_URL', 'http://localhost:3000'],
  ['ACCOUNT_URL', 'http://localhost:3000/account'],
  ['CORS_ORIGINS', undefined],
  ['POSTGRES_URL', undefined],
  ['POSTGRES_OWNER_URL', undefined],
  ['POSTGRES_REPLICA_URL', undefined],
  ['REDIS_URL', undefined],
  ['REDIS_CACHE_URL', undefined],
  ['MONGODB_URL', undefined],
  ['SMTP_URL', undefined],
  ['MAIL_FROM', { name: 'Omni', address: 'no-reply@omni.localhost' }],
  ['SECRET_KEY', undefined],
  ['ALGORITHM', 'HS256'],
  ['ACCESS_TOKEN_EXPIRE_MINUTES', 30],
  ['REFRESH_TOKEN_EXPIRE_DAYS', 7],
  ['SESSION_MAX_DAYS', 30],
  ['PASSWORD_MIN_LENGTH', 8],
  ['PASSWORD_LIST', 'standard'],
  ['REQUIRE_EMAIL_VERIFICATION', false],
  ['RATE_LIMIT_PER_MINUTE', 60],
  ['RATE_LIMIT_LOGIN', { limit: 5, window_ms: MINUTE }],
  ['RATE_LIMIT_LOGIN_ACCOUNT', { limit: 10, window_ms: 15 * MINUTE }],
  ['RATE_LIMIT_LOGIN_ADDRESS', { limit: 30, window_ms: 15 * MINUTE }],
  ['RATE_LIMIT_SIGNUP', { limit: 10, window_ms: MINUTE }],
  ['RATE_LIMIT_MFA', { limit: 10, window_ms: 15 * MINUTE }],
  ['RATE_LIMIT_RECOVERY', { limit: 3, window_ms: 60 * MINUTE }],
  ['RATE_LIMIT_REFRESH', { limit: 10, window_ms: MINUTE }],
  ['RATE_LIMIT_PAYMENTS', { limit: 20, window_ms: MINUTE }],
  ['RATE_LIMIT_EXPORT', { limit: 2, window_ms: 60 * MINUTE }],
  ['RATE_LIMIT_WEBHOOKS', { limit: 600, window_ms: MINUTE }],
  ['RATE_LIMIT_TENANT', { limit: 3000, window_ms: MINUTE }],
  ['ADMIN_EMAIL', undefined],
  ['ADMIN_PASSWORD', undefined],
  ['DATA_DIR', '.data'],
  ['RUN_AS_INTERNAL', false],
  ['OMNI_MINIMAL', false],
  ['PROCESS_ROLE', 'all'],
  ['TRUSTED_PROXY_CIDRS', undefined],
  ['DOCS_ENABLED', true],
  ['PAYMENT_PROVIDER', 'simulator'],
  ['STRIPE_API_KEY', undefined],
  ['STRIPE_PUBLISHABLE_KEY', undefined],
  ['STRIPE_WEBHOOK_SECRET', undefined],
  ['OPENAI_API_KEY', undefined],
  ['WEBHOOK_ALLOWED_CIDRS', expect.objectContaining({ list: ['127.0.0.0/8', '::1/128'] })],
  ['LOG_LEVEL', 'info'],
];

describe('defaults', () => {
  it.each(DEFAULTS)('%s has the default that the contract names', (name, value) => {
    expect(readSettings({})[name]).toEqual(value);
  });

  it('names every variable that exists, and no other', () => {
    expect(DEFAULTS.map(([name]) => name).toSorted()).toEqual([...variables().keys()].toSorted());
  });

  it.each<[keyof Settings, unknown]>([
    ['HOST', '0.0.0.0'],
    ['DOCS_ENABLED', false],
    ['PAYMENT_PROVIDER', 'none'],
    ['WEBHOOK_ALLOWED_CIDRS', undefined],
  ])('%s differs in production', (name, value) => {
    expect(readSettings(PRODUCTION)[name]).toEqual(value);
  });

  it.each<[what: string, raw: RawSettings, expected: Partial<Settings>]>([
    ['ACCOUNT_URL follows PUBLIC_URL', { PUBLIC_URL: 'https://a.test/' }, { ACCOUNT_URL: 'https://a.test/account' }],
    ['PUBLIC_URL follows PORT', { PORT: '4000' }, { PUBLIC_URL: 'http://localhost:4000' }],
    ['the owner is the app with one URL', { POSTGRES_URL: 'postgres://a' }, { POSTGRES_OWNER_URL: 'postgres://a' }],
    ['the cache shares the one Redis', { REDIS_URL: 'redis://a' }, { REDIS_CACHE_URL: 'redis://a' }],
    ['a Stripe key selects Stripe', { STRIPE_API_KEY: 'sk_test_1' }, { PAYMENT_PROVIDER: 'stripe' }],
    [
      'two webhook secrets are a list',
      { STRIPE_WEBHOOK_SECRET: 'whsec_new, whsec_old' },
      { STRIPE_WEBHOOK_SECRET: ['whsec_new', 'whsec_old'] },
    ],
    [
      'a key of Stripe’s changes nothing where another provider is named',
      { PAYMENT_PROVIDER: 'simulator', STRIPE_API_KEY: 'rk_live_1' },
      { PAYMENT_PROVIDER: 'simulator' },
    ],
    ['DEBUG lowers the log level', { DEBUG: '1', LOG_LEVEL: 'error' }, { LOG_LEVEL: 'debug' }],
    ['an empty text counts as not given', { PORT: '', OPS_TOKEN: '' }, { PORT: 3000, OPS_TOKEN: undefined }],
  ])('%s', (_, raw, expected) => {
    expect(readSettings(raw)).toMatchObject(expected);
  });
});

describe('what is refused', () => {
  it.each<[what: string, raw: RawSettings, mistake: string]>([
    ['a port of words', { PORT: 'http' }, 'PORT must be a whole number from 1 to 65535'],
    ['a port beyond the last', { PORT: '65536' }, 'PORT must be a whole number from 1 to 65535'],
    ['a port in scientific notation', { PORT: '3e3' }, 'PORT must be a whole number from 1 to 65535'],
    ['another algorithm', { ALGORITHM: 'none' }, 'ALGORITHM must be one of HS256'],
    [
      'a short minimum for passwords',
      { PASSWORD_MIN_LENGTH: '7' },
      'PASSWORD_MIN_LENGTH must be a whole number from 8 to 128',
    ],
    [
      'a database of another kind',
      { POSTGRES_URL: 'mysql://a' },
      'POSTGRES_URL must be a URL that begins with postgres:// or postgresql://',
    ],
    [
      'a Redis URL without scheme',
      { REDIS_URL: 'localhost:6379' },
      'REDIS_URL must be a URL that begins with redis:// or rediss:// or redis+sentinel:// or rediss+sentinel:// or redis+cluster:// or rediss+cluster://',
    ],
    ['any origin', { CORS_ORIGINS: '*' }, 'CORS_ORIGINS "*" is no origin such as https://app.example.com'],
    [
      'an origin with a path',
      { CORS_ORIGINS: 'https://a.test/x' },
      'CORS_ORIGINS "https://a.test/x" is no origin such as https://app.example.com',
    ],
    ['an ops port in the open', { OPS_HOST: '0.0.0.0' }, 'OPS_TOKEN is required when OPS_HOST is not loopback'],
    [
      'Stripe without its key',
      { PAYMENT_PROVIDER: 'stripe' },
      'STRIPE_API_KEY is required for PAYMENT_PROVIDER=stripe',
    ],
    [
      'a key that is none of Stripe’s',
      { STRIPE_API_KEY: 'pk_test_1' },
      'STRIPE_API_KEY must begin with sk_live_, sk_test_, rk_live_, rk_test_',
    ],
    [
      'a secret key that everybody would be shown',
      { STRIPE_PUBLISHABLE_KEY: 'sk_test_1' },
      'STRIPE_PUBLISHABLE_KEY must begin with pk_live_, pk_test_',
    ],
    [
      'keys of two modes',
      { STRIPE_API_KEY: 'sk_test_1', STRIPE_PUBLISHABLE_KEY: 'pk_live_1' },
      'STRIPE_API_KEY and STRIPE_PUBLISHABLE_KEY must be of one mode: both live, or both test',
    ],
    [
      'three webhook secrets',
      { STRIPE_WEBHOOK_SECRET: 'whsec_1,whsec_2,whsec_3' },
      'STRIPE_WEBHOOK_SECRET must be one or two secrets by comma, each of which begins with whsec_',
    ],
    [
      'a webhook secret that is none',
      { STRIPE_WEBHOOK_SECRET: 'whsec_1,' },
      'STRIPE_WEBHOOK_SECRET must be one or two secrets by comma, each of which begins with whsec_',
    ],
    ['internal mode without proxies', { RUN_AS_INTERNAL: '1' }, 'TRUSTED_PROXY_CIDRS is required in internal mode'],
    ['a minimal worker', { OMNI_MINIMAL: '1', PROCESS_ROLE: 'worker' }, 'PROCESS_ROLE must be all in minimal mode'],
  ])('%s', (_, raw, mistake) => {
    expect(mistakes(raw)).toEqual([mistake]);
  });

  it('both modes at once', () => {
    expect(mistakes({ RUN_AS_INTERNAL: '1', OMNI_MINIMAL: '1', TRUSTED_PROXY_CIDRS: '10.0.0.0/8' })).toEqual([
      'RUN_AS_INTERNAL and OMNI_MINIMAL exclude each other',
    ]);
  });

  it('tells all mistakes at once, and quotes no secret', () => {
    const secrets = { SECRET_KEY: 'hunter2', POSTGRES_URL: 'hunter2', SMTP_URL: 'hunter2' };
    const found = mistakes({ ...secrets, PORT: 'x', DEBUG: 'x', RATE_LIMIT_LOGIN: 'x', LOG_LEVEL: 'x' });

    expect(found.map((line) => line.split(' ')[0]).toSorted()).toEqual(
      ['DEBUG', 'LOG_LEVEL', 'PORT', 'POSTGRES_URL', 'RATE_LIMIT_LOGIN', 'SECRET_KEY', 'SMTP_URL'].toSorted(),
    );
    expect(found.join()).not.toContain('hunter2');
  });
});

describe('production', () => {
  it('names everything that is missing', () => {
    expect(mistakes({ NODE_ENV: 'production' }).toSorted()).toEqual(
      ['POSTGRES_URL', 'PUBLIC_URL', 'REDIS_URL', 'SECRET_KEY', 'SMTP_URL'].map(
        (name) => `${name} is required in production`,
      ),
    );
  });

  it('wants an address with the password of the first admin', () => {
    expect(mistakes({ ...PRODUCTION, ADMIN_PASSWORD: 'Password123' })).toEqual([
      'ADMIN_EMAIL is required with ADMIN_PASSWORD',
    ]);
  });

  it('wants to hear what Stripe tells', () => {
    expect(mistakes({ ...PRODUCTION, STRIPE_API_KEY: 'sk_live_1' })).toEqual([
      'STRIPE_WEBHOOK_SECRET is required for PAYMENT_PROVIDER=stripe in production',
    ]);
    expect(mistakes({ ...PRODUCTION, STRIPE_API_KEY: 'sk_live_1', STRIPE_WEBHOOK_SECRET: 'whsec_1' })).toEqual([]);
  });

  it('needs no Redis in minimal mode', () => {
    expect(mistakes({ ...PRODUCTION, REDIS_URL: undefined, OMNI_MINIMAL: '1' })).toEqual([]);
  });

  it.each(['change-me-change-me-change-me-change-me', 'your-secret-key-goes-here-in-production', 'a'.repeat(40)])(
    'refuses the sample secret %s, which development takes (SEC-21)',
    (secret) => {
      expect(mistakes({ ...PRODUCTION, SECRET_KEY: secret })).toEqual([
        expect.stringContaining('SECRET_KEY looks like a sample'),
      ]);
      expect(mistakes({ SECRET_KEY: secret })).toEqual([]);
    },
  );
});

describe('where settings come from', () => {
  const home = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), 'omni-settings-'));
  beforeAll(() => process.chdir(folder));
  afterAll(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });
  afterEach(() => delete process.env['APP_NAME']);

  it('is the environment first, then .env', () => {
    writeFileSync('.env', 'APP_NAME="From the file"\nAPP_VERSION=9\n');
    process.env['APP_NAME'] = 'From the environment';

    expect(
      readSettings({ APP_NAME: rawSettings()['APP_NAME'], APP_VERSION: rawSettings()['APP_VERSION'] }),
    ).toMatchObject({
      APP_NAME: 'From the environment',
      APP_VERSION: '9',
    });
  });

  it('needs no .env', () => {
    rmSync('.env', { force: true });

    expect(rawSettings()['APP_NAME']).toBeUndefined();
  });

  it('is nothing that can change afterwards', () => {
    expect(Object.isFrozen(readSettings({}))).toBe(true);
  });
});
