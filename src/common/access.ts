import { createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';

export const ROLES = ['user', 'admin', 'platform_admin'] as const;
/** `admin` rules one tenant; `platform_admin` passes wherever an admin does, and reaches every tenant. */
export type Role = (typeof ROLES)[number];

/** Whose request it is, as the row of the session or the API key had it when this request began. */
interface Asking {
  readonly id: string;
  readonly tenant_id: string;
  readonly role: Role;
  /** What the tenant may ask; null where the installation's own number counts. */
  readonly requests_per_minute: number | null;
}

/** Somebody who has logged in. Every route that declares no scope is for these alone. */
export interface SessionPrincipal extends Asking {
  readonly session_id: string;
  /** When the user last proved the password or the second factor. */
  readonly auth_time: Date;
}

/** A program with an API key: it may what its scopes say, and never more than its owner. */
export interface KeyPrincipal extends Asking {
  readonly session_id: null;
  readonly api_key_id: string;
  readonly scopes: readonly Scope[];
}

/** Who asks. */
export type Principal = SessionPrincipal | KeyPrincipal;

export const PUBLIC = 'access:public';
export const ROLES_REQUIRED = 'access:roles';
export const SCOPES_REQUIRED = 'access:scopes';
export const RECENT_LOGIN = 'access:recent-login';
export const REFRESH_COOKIE = 'access:refresh-cookie';
export const VERIFIED_EMAIL = 'access:verified-email';
/** Set by `@Idempotent()`. */
export const IDEMPOTENT = 'access:idempotent';

/**
 * Open to everybody. Whatever lacks this wants an identity: a new route is closed until somebody opens it.
 * @param credential - one that is given and invalid is refused all the same, unless the route is where a new one is got.
 */
export const Public = (credential: 'checked' | 'ignored' = 'checked'): MethodDecorator & ClassDecorator =>
  SetMetadata(PUBLIC, credential);

/** Only for these roles; a platform admin passes wherever an admin does. */
export const Roles = (...roles: Role[]): MethodDecorator & ClassDecorator => SetMetadata(ROLES_REQUIRED, roles);

/** What an API key may be good for. */
export const SCOPES = ['payments:read', 'payments:write', 'users:read'] as const;
export type Scope = (typeof SCOPES)[number];

/** What only an admin's key can be good for. */
const SCOPES_OF_ADMINS: readonly Scope[] = ['users:read'];

/** All that keys of somebody with this role may be good for. */
export const scopesOf = (role: Role): Scope[] =>
  SCOPES.filter((scope) => role !== 'user' || !SCOPES_OF_ADMINS.includes(scope));

/**
 * An API key with one of these scopes passes too, as far as its owner would. On a route without this a key is refused,
 * whatever it may do.
 */
export const Permissions = (...scopes: Scope[]): MethodDecorator & ClassDecorator =>
  SetMetadata(SCOPES_REQUIRED, scopes);

/** Only soon after the user proved the password or the second factor (`auth_time`). */
export const RecentLogin = (): MethodDecorator => SetMetadata(RECENT_LOGIN, true);

/** The refresh cookie is looked at here, and on no other route; where an identity is wanted, it is one beside the bearer. */
export const AcceptsRefreshCookie = (): MethodDecorator => SetMetadata(REFRESH_COOKIE, true);

/** Only for users whose e-mail address is verified. */
export const VerifiedEmail = (): MethodDecorator => SetMetadata(VERIFIED_EMAIL, true);

/**
 * Who asks: a {@link SessionPrincipal} where the route declares no scope, else any {@link Principal}. On a `@Public()`
 * route undefined when no credential was given.
 */
export const CurrentUser = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<{ principal?: Principal }>().principal,
);

export const isAdmin = ({ role }: Pick<Principal, 'role'>): boolean => role !== 'user';

/**
 * Which tenant's list somebody asks for: the own one, unless a platform admin names another.
 * @returns null for one out of reach: another tenant's anything is not there, as of one that never was.
 */
export function tenantToList({ role, tenant_id }: Principal, named: string = tenant_id): string | null {
  return role === 'platform_admin' || named.toLowerCase() === tenant_id.toLowerCase() ? named : null;
}
