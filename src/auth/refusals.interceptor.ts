import { Injectable, Logger, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { catchError } from 'rxjs';
import { AuditService } from '../audit/audit.service.js';
import type { Principal } from '../common/access.js';
import { Condition } from '../common/condition.js';
import { isId } from '../common/fields.js';
import { ForbiddenError } from '../common/service-error.js';
import { Database } from '../database/database.js';

/** The parts of a request that say who was refused what. */
interface Refused {
  readonly principal?: Principal;
  readonly params?: { readonly id?: string };
}

/**
 * Writes down who was refused what (403), wherever that was decided: by the guard, which calls {@link note}, or behind it.
 * Whoever is not known leaves nothing, so that strangers write no rows.
 */
@Injectable()
export class RefusalsInterceptor implements NestInterceptor {
  private readonly condition = new Condition(new Logger('Refusals'), 'Writing down who was refused');

  constructor(
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): ReturnType<CallHandler['handle']> {
    return next.handle().pipe(
      catchError(async (error: unknown) => {
        await this.note(error, context);
        throw error;
      }),
    );
  }

  /** Within a transaction of its own: the refused one is rolled back. That it fails changes no answer. */
  async note(error: unknown, context: ExecutionContext): Promise<void> {
    const { principal, params } = context.switchToHttp().getRequest<Refused>();
    if (!(error instanceof ForbiddenError) || !principal) return;
    const { tenant_id } = principal;
    const id = params?.id !== undefined && isId(params.id) ? params.id.toLowerCase() : null;
    try {
      await this.database.asTenant(tenant_id, () =>
        this.audit.record({
          tenant_id,
          action: 'authz_fail',
          outcome: 'failure',
          reason: error.code,
          subject: { type: 'request', id },
        }),
      );
      this.condition.works();
    } catch (failure) {
      this.condition.fails(failure);
    }
  }
}
