import type { RequestContext } from '../common/request-context.js';
import type { Settings } from '../config/settings.js';
import type { Rate } from '../config/variable.js';
import { clientNetwork } from './subjects.js';

/** One limit. */
export interface Policy {
  readonly rate: (settings: Settings) => Rate;
  /** Where it is counted while Redis is away. */
  readonly without_redis: 'locally' | 'locally, a quarter of it' | 'in PostgreSQL, as always';
  /** Whose hits a route counts that declares the policy by `@RateLimit()`; elsewhere the caller says. */
  readonly subject?: (request: RequestContext) => string;
}

const MINUTE_MS = 60_000;
export const perMinute = (limit: number): Rate => ({ limit, window_ms: MINUTE_MS });

const byAddress = ({ ip }: RequestContext): string => clientNetwork(ip);
/** For routes that want an identity. */
const byUser = ({ principal, ip }: RequestContext): string => principal?.id ?? clientNetwork(ip);

/** Every limit, as data. Clients read the names in the headers. */
export const POLICIES = {
  /** Of a client: the user whom a token names, else the address. */
  general: { rate: (settings) => perMinute(settings.RATE_LIMIT_PER_MINUTE), without_redis: 'locally' },
  /** Of an address, however many users it brings. */
  flood: { rate: (settings) => perMinute(10 * settings.RATE_LIMIT_PER_MINUTE), without_redis: 'locally' },
  /** Of an account and an address together. */
  login: { rate: (settings) => settings.RATE_LIMIT_LOGIN, without_redis: 'locally, a quarter of it' },
  /** Of an account, failures alone. */
  'login-account': { rate: (settings) => settings.RATE_LIMIT_LOGIN_ACCOUNT, without_redis: 'in PostgreSQL, as always' },
  /** Of an address. */
  'login-address': { rate: (settings) => settings.RATE_LIMIT_LOGIN_ADDRESS, without_redis: 'locally, a quarter of it' },
  'sign-up': { rate: (settings) => settings.RATE_LIMIT_SIGNUP, without_redis: 'locally', subject: byAddress },
  /** Of a session, once its refresh token has proven it. */
  refresh: { rate: (settings) => settings.RATE_LIMIT_REFRESH, without_redis: 'locally' },
  /** Of a user, wherever a code is taken. */
  mfa: { rate: (settings) => settings.RATE_LIMIT_MFA, without_redis: 'in PostgreSQL, as always' },
  /** Of an account, whether or not anybody has it. */
  recovery: { rate: (settings) => settings.RATE_LIMIT_RECOVERY, without_redis: 'in PostgreSQL, as always' },
  /** Of an address, ten times as much. */
  'recovery-address': {
    rate: ({ RATE_LIMIT_RECOVERY: { limit, window_ms } }) => ({ limit: 10 * limit, window_ms }),
    without_redis: 'in PostgreSQL, as always',
  },
  /** Of a user. */
  export: { rate: (settings) => settings.RATE_LIMIT_EXPORT, without_redis: 'locally', subject: byUser },
  /** Of a tenant, where it has no number of its own. */
  tenant: { rate: (settings) => settings.RATE_LIMIT_TENANT, without_redis: 'locally' },
  /** Of a user, by whichever credential. */
  payments: {
    rate: (settings) => settings.RATE_LIMIT_PAYMENTS,
    without_redis: 'locally',
    subject: ({ principal, ip }) => principal?.id ?? clientNetwork(ip),
  },
  /** Of a payment provider. */
  webhooks: { rate: (settings) => settings.RATE_LIMIT_WEBHOOKS, without_redis: 'locally' },
} as const satisfies Record<string, Policy>;

export type PolicyName = keyof typeof POLICIES;

/** What a route can declare. */
export type RoutePolicy = {
  [Name in PolicyName]: (typeof POLICIES)[Name] extends { subject: unknown } ? Name : never;
}[PolicyName];

/** What the limiter counts: all but the failures of an account, which `PasswordAttempts` takes back where it must. */
export type LimiterPolicy = Exclude<PolicyName, 'login-account'>;

/** What PostgreSQL counts whatever becomes of Redis, and what can be forgiven. */
export type PostgresPolicy = {
  [Name in LimiterPolicy]: (typeof POLICIES)[Name]['without_redis'] extends `in PostgreSQL${string}` ? Name : never;
}[LimiterPolicy];

/** The table, row by row. */
export const policies = (): [PolicyName, Policy][] => Object.entries(POLICIES) as [PolicyName, Policy][];
