import { Injectable } from '@nestjs/common';
import { tenantToList, type Principal } from '../common/access.js';
import { networkOf } from '../common/ip.js';
import { assertSpan, type Keyset } from '../common/pagination.js';
import { ExportsPersonalData, type ExportPage } from '../common/personal-data.js';
import { requestContext, type RequestContext } from '../common/request-context.js';
import { uuidv7 } from '../common/uuid.js';
import { Database } from '../database/database.js';
import type { AuditEvent } from './audit-event.entity.js';
import type { AuditQuery } from './audit.dto.js';
import { AuditRepository } from './audit.repository.js';

/** The OWASP logging vocabulary, as far as something here can happen. */
export type AuditAction =
  | 'authn_login_success'
  | 'authn_login_fail'
  | 'authn_password_change'
  | 'authn_token_reuse'
  | 'authn_token_revoked'
  | 'authz_change'
  | 'data_export_downloaded'
  | 'data_export_requested'
  | 'mfa_enabled'
  | 'mfa_disabled'
  | 'mfa_recovery_code_used'
  | 'mfa_recovery_codes_renewed'
  | 'authz_fail'
  | 'apikey_created'
  | 'apikey_rotated'
  | 'apikey_revoked'
  | 'user_created'
  | 'user_updated'
  | 'user_deleted'
  | 'user_disabled'
  | 'user_enabled'
  | 'tenant_created'
  | 'tenant_updated'
  | 'tenant_disabled'
  | 'tenant_enabled'
  | 'invitation_created'
  | 'invitation_revoked'
  | 'webhook_endpoint_created'
  | 'webhook_endpoint_updated'
  | 'webhook_endpoint_enabled'
  | 'webhook_endpoint_disabled'
  | 'webhook_endpoint_rotated'
  | 'webhook_endpoint_deleted'
  | 'user_logged_out'
  | 'user_unlocked';

export interface AuditRecord {
  readonly tenant_id: string;
  readonly action: AuditAction;
  readonly outcome?: 'success' | 'failure';
  /** Why, in one word of the code's own: never anything that a person typed. */
  readonly reason?: string;
  readonly subject: {
    readonly type: 'user' | 'session' | 'tenant' | 'invitation' | 'api_key' | 'webhook_endpoint' | 'request';
    readonly id: string | null;
  };
  /** Names of the fields that changed. */
  readonly changes?: readonly string[];
  /** Who did it, where that is not whoever sent the request. */
  readonly actor_id?: string;
}

interface Party {
  readonly type: string | null;
  /** Null where it is somebody else's. */
  readonly id: string | null;
}

/** What the trail tells a person: what was done by or to the account, and nothing of anybody else. */
export type ExportedEvent = Pick<AuditEvent, 'id' | 'at' | 'action' | 'outcome' | 'reason' | 'ip' | 'changes'> & {
  readonly actor: Party;
  readonly subject: Party;
};

/** Writes down who did what to whom. */
@Injectable()
export class AuditService {
  constructor(
    private readonly events: AuditRepository,
    private readonly database: Database,
  ) {}

  /**
   * Joins the caller's transaction: the event exists exactly when the change does.
   * @see https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html
   */
  async record({
    tenant_id,
    action,
    outcome = 'success',
    reason,
    subject,
    changes = [],
    actor_id,
  }: AuditRecord): Promise<void> {
    const request = requestContext();
    const at = new Date();
    await this.events.insert({
      id: uuidv7(at.getTime()),
      at,
      tenant_id,
      ...(actor_id === undefined ? actorOf(request) : { actor_type: 'user', actor_id }),
      action,
      subject_type: subject.type,
      subject_id: subject.id,
      outcome,
      reason: reason ?? null,
      request_id: request?.request_id ?? null,
      ip: request ? networkOf(request.ip) : null,
      changes: [...changes],
    });
  }

  /**
   * A part of one tenant's trail: the caller's, or the one that a platform admin names.
   * @throws {ValidationError} the span of time ends before it begins, or both directions at once.
   */
  async list(actor: Principal, query: AuditQuery): Promise<Keyset<AuditEvent>> {
    const { actor_id, subject_id, action, since, until } = query;
    assertSpan({ since, until });
    const tenant_id = tenantToList(actor, query.tenant_id);
    if (tenant_id === null) return { data: [], has_more: false };
    return this.database.reading(() =>
      this.database.asTenant(tenant_id, () =>
        this.events.list({ tenant_id, actor_id, subject_id, action, since, until }, query),
      ),
    );
  }

  /** The trail stays when the account goes: it holds ids, and no word of the person. */
  @ExportsPersonalData({ part: 'audit_events', tables: ['audit_events'] })
  async export(user_id: string, page: ExportPage): Promise<ExportedEvent[]> {
    const events = await this.events.page(user_id, page);
    return events.map((event) => exported(event, user_id));
  }
}

function exported(event: AuditEvent, user_id: string): ExportedEvent {
  const { id, at, action, outcome, reason, ip, changes, actor_type, actor_id, subject_type, subject_id } = event;
  const isActor = actor_id === user_id;
  // What the person did something to may be somebody else; a refused request may have named anybody.
  const isOfNobody = subject_type !== 'user' && subject_type !== 'request';
  const isSubject = subject_id === user_id || (isActor && isOfNobody);
  return {
    id,
    at,
    action,
    outcome,
    reason,
    // Of whoever did it: an admin's, or a stranger's, is no affair of this person.
    ip: isActor ? ip : null,
    changes,
    actor: { type: actor_type, id: isActor ? actor_id : null },
    subject: { type: subject_type, id: isSubject ? subject_id : null },
  };
}

/** An API key acts under its own name: what was done with one that was stolen can be told from what its owner did. */
function actorOf(request: RequestContext | undefined): Pick<AuditEvent, 'actor_type' | 'actor_id'> {
  const principal = request?.principal;
  if (!principal) return { actor_type: request ? 'anonymous' : 'system', actor_id: null };
  return principal.session_id === null
    ? { actor_type: 'api_key', actor_id: principal.api_key_id }
    : { actor_type: 'user', actor_id: principal.id };
}
