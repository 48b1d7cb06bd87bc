import type { Sender } from './addresses.js';
import type { KeyRing } from './key-ring.js';
import { redisUrl } from './redis-url.js';
import {
  emailAddress,
  flag,
  integer,
  keyRing,
  networks,
  oneOf,
  origins,
  rate,
  sender,
  stripeKey,
  text,
  url,
  Variable,
  webhookSecrets,
  webUrl,
  type Networks,
  type Rate,
} from './variable.js';

const port = integer(1, 65_535);

/**
 * Every environment variable, once. The names are the environment's, so that a search finds all of a setting's life.
 * `.env.example` and the README's table are made from this file.
 */
export class Settings {
  @Variable({ kind: text, default: 'Omni Enterprise Ultra Max', about: 'The name in mails and documents' })
  readonly APP_NAME!: string;

  @Variable({ kind: text, default: '2.0.0', about: 'The version that the documents name' })
  readonly APP_VERSION!: string;

  @Variable({ kind: flag, default: '0', about: 'Sets LOG_LEVEL=debug; changes no answer' })
  readonly DEBUG!: boolean;

  @Variable({
    kind: oneOf('development', 'test', 'production'),
    default: 'development',
    about: 'production embeds no engine and refuses sample secrets',
  })
  readonly NODE_ENV!: 'development' | 'test' | 'production';

  @Variable({ kind: text, default: '127.0.0.1', production: '0.0.0.0', about: 'Where the API listens' })
  readonly HOST!: string;

  @Variable({
    kind: port,
    default: '3000',
    about: 'A given port that is busy is an error; in development the default one moves on',
  })
  readonly PORT!: number;

  @Variable({ kind: text, default: '127.0.0.1', about: 'Where the ops port listens (health, metrics)' })
  readonly OPS_HOST!: string;

  @Variable({ kind: port, default: '3001', about: 'The ops port' })
  readonly OPS_PORT!: number;

  @Variable({ kind: text, secret: true, about: 'Bearer token of the ops port; required when OPS_HOST is not loopback' })
  readonly OPS_TOKEN?: string;

  @Variable({ kind: webUrl, shown: 'http://localhost:PORT', required: true, about: 'How people reach the API' })
  readonly PUBLIC_URL!: string;

  @Variable({
    kind: webUrl,
    shown: 'PUBLIC_URL/account',
    about: 'The pages that mailed links lead to; your own front end, if you have one',
  })
  readonly ACCOUNT_URL!: string;

  @Variable({ kind: origins, about: 'Web origins that may call the API from a browser' })
  readonly CORS_ORIGINS?: readonly string[];

  @Variable({
    kind: url('postgres', 'postgresql'),
    shown: 'embedded',
    required: true,
    secret: true,
    about: 'The system of record; its role is neither superuser nor BYPASSRLS',
  })
  readonly POSTGRES_URL!: string;

  @Variable({
    kind: url('postgres', 'postgresql'),
    shown: 'POSTGRES_URL',
    secret: true,
    about: 'The role that owns the tables, migrates, and grants the first one what it needs',
  })
  readonly POSTGRES_OWNER_URL!: string;

  @Variable({
    kind: url('postgres', 'postgresql'),
    secret: true,
    about: 'A replica that answers lists, somewhat behind; the primary does while it is away',
  })
  readonly POSTGRES_REPLICA_URL?: string;

  @Variable({
    kind: redisUrl,
    shown: 'spawned',
    required: true,
    secret: true,
    about: 'Queue, cache and limits: a server, sentinels or a cluster; not used in minimal mode',
  })
  readonly REDIS_URL?: string;

  @Variable({
    kind: redisUrl,
    shown: 'REDIS_URL',
    secret: true,
    about: 'A Redis of its own for cache and limits',
  })
  readonly REDIS_CACHE_URL?: string;

  @Variable({ kind: url('mongodb', 'mongodb+srv'), secret: true, about: 'When set, users live in MongoDB' })
  readonly MONGODB_URL?: string;

  @Variable({
    kind: url('smtp', 'smtps'),
    shown: 'the development inbox',
    required: true,
    secret: true,
    about: 'Where mail is handed over',
  })
  readonly SMTP_URL!: string;

  @Variable({ kind: sender, default: 'Omni <no-reply@omni.localhost>', about: 'The sender of every mail' })
  readonly MAIL_FROM!: Sender;

  @Variable({
    kind: keyRing,
    shown: 'made once, kept in DATA_DIR',
    required: true,
    secret: true,
    about: 'At least 32 bytes; a ring kid:secret,kid:secret while rotating: the first signs, all verify',
  })
  readonly SECRET_KEY!: KeyRing;

  @Variable({ kind: oneOf('HS256'), default: 'HS256', about: 'Of access tokens; nothing else is accepted' })
  readonly ALGORITHM!: 'HS256';

  @Variable({ kind: integer(1, 1_440), default: '30', about: 'Life of an access token' })
  readonly ACCESS_TOKEN_EXPIRE_MINUTES!: number;

  @Variable({ kind: integer(1, 365), default: '7', about: 'Life of a refresh token that is not used' })
  readonly REFRESH_TOKEN_EXPIRE_DAYS!: number;

  @Variable({ kind: integer(1, 365), default: '30', about: 'Life of a session, however often it is refreshed' })
  readonly SESSION_MAX_DAYS!: number;

  @Variable({ kind: integer(8, 128), default: '8', about: 'In code points' })
  readonly PASSWORD_MIN_LENGTH!: number;

  @Variable({
    kind: oneOf('standard', 'strict', 'off'),
    default: 'standard',
    about: 'Which list of common passwords is refused',
  })
  readonly PASSWORD_LIST!: 'standard' | 'strict' | 'off';

  @Variable({ kind: flag, default: '0', about: 'Refuses a login until the address is verified' })
  readonly REQUIRE_EMAIL_VERIFICATION!: boolean;

  @Variable({ kind: integer(1, 1_000_000), default: '60', about: 'Requests a minute for each client' })
  readonly RATE_LIMIT_PER_MINUTE!: number;

  @Variable({ kind: rate, default: '5/1m', about: 'Logins for one account from one address' })
  readonly RATE_LIMIT_LOGIN!: Rate;

  @Variable({ kind: rate, default: '10/15m', about: 'Failed logins for one account' })
  readonly RATE_LIMIT_LOGIN_ACCOUNT!: Rate;

  @Variable({ kind: rate, default: '30/15m', about: 'Logins from one address' })
  readonly RATE_LIMIT_LOGIN_ADDRESS!: Rate;

  @Variable({ kind: rate, default: '10/1m', about: 'Sign-ups from one address' })
  readonly RATE_LIMIT_SIGNUP!: Rate;

  @Variable({ kind: rate, default: '10/15m', about: 'Second-factor codes for one user' })
  readonly RATE_LIMIT_MFA!: Rate;

  @Variable({ kind: rate, default: '3/1h', about: 'Recovery mails for one account; ten times that for one address' })
  readonly RATE_LIMIT_RECOVERY!: Rate;

  @Variable({ kind: rate, default: '10/1m', about: 'Refreshes of one session' })
  readonly RATE_LIMIT_REFRESH!: Rate;

  @Variable({ kind: rate, default: '20/1m', about: 'Payments of one user' })
  readonly RATE_LIMIT_PAYMENTS!: Rate;

  @Variable({ kind: rate, default: '2/1h', about: 'Exports of one user' })
  readonly RATE_LIMIT_EXPORT!: Rate;

  @Variable({ kind: rate, default: '600/1m', about: 'Incoming webhooks of one provider' })
  readonly RATE_LIMIT_WEBHOOKS!: Rate;

  @Variable({ kind: rate, default: '3000/1m', about: 'Requests of one tenant that has no number of its own' })
  readonly RATE_LIMIT_TENANT!: Rate;

  @Variable({
    kind: emailAddress,
    shown: 'admin@omni.localhost',
    about: 'The first platform admin, made while there is none',
  })
  readonly ADMIN_EMAIL?: string;

  @Variable({
    kind: text,
    shown: 'made once, kept in DATA_DIR',
    secret: true,
    about: "The first platform admin's password",
  })
  readonly ADMIN_PASSWORD?: string;

  @Variable({ kind: text, default: '.data', about: 'Where development keeps its engines, mails and secrets' })
  readonly DATA_DIR!: string;

  @Variable({ kind: flag, default: '0', about: 'Internal mode: behind a gateway' })
  readonly RUN_AS_INTERNAL!: boolean;

  @Variable({ kind: flag, default: '0', about: 'Minimal mode: PostgreSQL only' })
  readonly OMNI_MINIMAL!: boolean;

  @Variable({ kind: oneOf('all', 'api', 'worker'), default: 'all', about: 'A worker listens on the ops port only' })
  readonly PROCESS_ROLE!: 'all' | 'api' | 'worker';

  @Variable({
    kind: networks,
    about: 'Proxies whose forwarded addresses count; required in internal mode, without effect in standalone',
  })
  readonly TRUSTED_PROXY_CIDRS?: Networks;

  @Variable({ kind: flag, default: '1', production: '0', about: 'Swagger UI at /docs, in standalone mode' })
  readonly DOCS_ENABLED!: boolean;

  @Variable({
    kind: oneOf('stripe', 'simulator', 'none'),
    shown: 'stripe with a key, else simulator; in production none',
    about: 'Who takes the money',
  })
  readonly PAYMENT_PROVIDER!: 'stripe' | 'simulator' | 'none';

  @Variable({ kind: stripeKey('sk', 'rk'), secret: true, about: "Stripe's secret key, or a restricted one" })
  readonly STRIPE_API_KEY?: string;

  @Variable({ kind: stripeKey('pk'), about: "Stripe's publishable key, of the same mode" })
  readonly STRIPE_PUBLISHABLE_KEY?: string;

  @Variable({ kind: webhookSecrets, secret: true, about: "Stripe's webhook secret; two by comma while rotating" })
  readonly STRIPE_WEBHOOK_SECRET?: readonly string[];

  @Variable({ kind: text, secret: true, about: 'Reserved, unused' })
  readonly OPENAI_API_KEY?: string;

  @Variable({
    kind: networks,
    shown: 'none; development: loopback',
    about: 'Private networks that outgoing webhooks may reach',
  })
  readonly WEBHOOK_ALLOWED_CIDRS?: Networks;

  @Variable({
    kind: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal'),
    default: 'info',
    about: 'The least that is logged',
  })
  readonly LOG_LEVEL!: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
}
