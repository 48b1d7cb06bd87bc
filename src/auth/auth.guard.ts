import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  isAdmin,
  PUBLIC,
  RECENT_LOGIN,
  REFRESH_COOKIE,
  ROLES_REQUIRED,
  SCOPES_REQUIRED,
  VERIFIED_EMAIL,
  type KeyPrincipal,
  type Principal,
  type Role,
  type Scope,
  type SessionPrincipal,
} from '../common/access.js';
import { requestContext } from '../common/request-context.js';
import { TenantQuota } from '../tenants/tenant-quota.js';
import { InsufficientPermissionsError } from '../users/users.errors.js';
import { UsersRepository } from '../users/users.repository.js';
import { EmailNotVerifiedError, ReauthRequiredError, UnauthenticatedError } from './auth.errors.js';
import { Identities } from './identities.js';
import { RefusalsInterceptor } from './refusals.interceptor.js';
import type { BrowserHeaders } from './sessions/refresh-cookie.js';

/** The parts of a request that say who asks. */
interface Asking {
  readonly headers: BrowserHeaders & { readonly authorization?: string };
  principal?: Principal;
}

const RECENT_MS = 15 * 60 * 1_000;

/** Finds out who asks, and refuses whom a route does not declare itself open to. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly identities: Identities,
    private readonly users: UsersRepository,
    private readonly refusals: RefusalsInterceptor,
    private readonly quota: TenantQuota,
  ) {}

  /**
   * @throws {InvalidTokenError} a credential was given and proves nothing, on public routes too.
   * @throws {UnauthenticatedError} the route is not public, and none was given.
   * @throws {RateLimitedError} the caller's tenant has asked too much.
   * @throws {InsufficientPermissionsError} the route is for other roles, or for no API key, or not for this one.
   * @throws {ReauthRequiredError} the route wants a recent login.
   * @throws {EmailNotVerifiedError} the route wants a verified address.
   * @throws {OriginNotAllowedError} the route takes the refresh cookie, and the page that sent it is not one of ours.
   */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const open = this.declared<'checked' | 'ignored'>(PUBLIC, context);
    if (open === 'ignored') return true;
    const request = context.switchToHttp().getRequest<Asking>();
    const principal = this.declared<boolean>(REFRESH_COOKIE, context)
      ? await this.identities.findInBrowser(request.headers)
      : await this.identities.find(request.headers.authorization);
    if (!principal) {
      if (!open) throw new UnauthenticatedError();
      return true;
    }
    request.principal = principal;
    const known = requestContext();
    if (known) known.principal = principal;
    await this.quota.take(principal);
    try {
      await this.authorize(principal, context);
    } catch (error) {
      await this.refusals.note(error, context);
      throw error;
    }
    return true;
  }

  private async authorize(principal: Principal, context: ExecutionContext): Promise<void> {
    // A key must pass for itself, and then as its owner would.
    if (principal.session_id === null) this.assertScope(principal, context);
    const roles = this.declared<Role[]>(ROLES_REQUIRED, context);
    const allowed = !roles || roles.includes(principal.role) || (roles.includes('admin') && isAdmin(principal));
    if (!allowed) throw new InsufficientPermissionsError();
    if (principal.session_id !== null) await this.assertProven(principal, context);
  }

  /** What wants a recent login or a verified address is for people, whatever else it declares. */
  private assertScope({ scopes }: KeyPrincipal, context: ExecutionContext): void {
    const declared = this.declared<Scope[]>(SCOPES_REQUIRED, context) ?? [];
    const isForPeople = [RECENT_LOGIN, VERIFIED_EMAIL].some((key) => this.declared<boolean>(key, context));
    if (isForPeople || !declared.some((scope) => scopes.includes(scope))) throw new InsufficientPermissionsError();
  }

  private async assertProven({ id, auth_time }: SessionPrincipal, context: ExecutionContext): Promise<void> {
    const isRecent = Date.now() - auth_time.getTime() < RECENT_MS;
    if (this.declared<boolean>(RECENT_LOGIN, context) && !isRecent) throw new ReauthRequiredError();
    if (!this.declared<boolean>(VERIFIED_EMAIL, context)) return;
    if (!(await this.users.find(id))?.email_verified) throw new EmailNotVerifiedError();
  }

  /** The method's own declaration stands before its class's. */
  private declared<T>(key: string, context: ExecutionContext): T | undefined {
    return this.reflector.getAllAndOverride<T | undefined>(key, [context.getHandler(), context.getClass()]);
  }
}
