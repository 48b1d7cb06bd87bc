import { Injectable } from '@nestjs/common';
import { AuditService, type AuditAction } from '../../audit/audit.service.js';
import { tenantToList, type Principal } from '../../common/access.js';
import { newOneTimeToken } from '../../common/one-time-token.js';
import { emptyPage, type Page } from '../../common/pagination.js';
import { ErasesPersonalData, ExportsPersonalData, type ExportPage } from '../../common/personal-data.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { TenantNotFoundError } from '../../tenants/tenants.errors.js';
import { OnAccountChange, type AccountChange } from '../account-changes.js';
import { Authority, mayGrant } from '../authority.js';
import { Newcomers } from '../newcomers/newcomers.js';
import { InsufficientPermissionsError } from '../users.errors.js';
import { InvitationMails } from './invitation-mails.js';
import { Invitation, statusOf } from './invitation.entity.js';
import type { InvitationCreate, InvitationQuery } from './invitations.dto.js';
import { InvitationNotFoundError } from './invitations.errors.js';
import { InvitationsRepository } from './invitations.repository.js';

/** What a person is told of an invitation. */
export type ExportedInvitation = Pick<Invitation, 'id' | 'role' | 'status' | 'created_at' | 'expires_at'> & {
  /** Null where it is somebody else's. */
  readonly email: string | null;
};

const LIFE_MS = 7 * 24 * 60 * 60 * 1_000;

/** Asking somebody into a tenant, and taking it back. What becomes of it is told by `Acceptance`. */
@Injectable()
export class InvitationsService {
  constructor(
    private readonly invitations: InvitationsRepository,
    private readonly mails: InvitationMails,
    private readonly newcomers: Newcomers,
    private readonly authority: Authority,
    private readonly audit: AuditService,
    private readonly database: Database,
  ) {}

  /** A page of one tenant's invitations: the caller's, or the one that a platform admin names. */
  async list(actor: Principal, query: InvitationQuery): Promise<Page<Invitation>> {
    const tenant_id = tenantToList(actor, query.tenant_id);
    if (tenant_id === null) return emptyPage(query);
    const found = await this.database.asTenant(tenant_id, () => this.invitations.list({ ...query, tenant_id }));
    return { ...found, page: query.page, per_page: query.per_page };
  }

  /**
   * Queues the mail in the same transaction. An earlier invitation of the tenant to this address is void: the newest counts.
   * @throws {InsufficientPermissionsError} the role is not the caller's to give.
   * @throws {TenantNotFoundError} no such tenant within reach.
   * @throws {EmailTakenError} somebody has this address, in whichever tenant.
   */
  create(
    actor: Principal,
    { email, role = 'user', tenant_id = actor.tenant_id }: InvitationCreate,
  ): Promise<Invitation> {
    if (!mayGrant(actor, role, actor.tenant_id)) throw new InsufficientPermissionsError();
    return this.within(actor, async () => {
      const held = await this.authority.hold(actor, [tenant_id]);
      const tenant = held.find(({ id }) => id === tenant_id.toLowerCase());
      if (!tenant) throw new TenantNotFoundError(tenant_id);
      await this.newcomers.assertFree(email);
      const earlier = await this.invitations.findPending(tenant.id, email);
      if (earlier && statusOf(earlier) === 'pending') await this.close(actor, earlier, 'superseded');
      // Nobody's any more, and so for nobody to refuse; it only has the address's place in the table.
      else if (earlier) await this.invitations.close(earlier.id, { status: 'revoked', accepted_by: null });
      const { token, token_hash } = newOneTimeToken();
      const invitation = newInvitation({ tenant_id: tenant.id, email, role, token_hash, invited_by: actor.id });
      await this.invitations.insert(invitation);
      await this.record('invitation_created', invitation);
      await this.mails.send(invitation, token, tenant.name);
      return invitation;
    });
  }

  /**
   * Takes a pending invitation back.
   * @throws {InvitationNotFoundError} none within reach that is pending.
   * @throws {InsufficientPermissionsError} it makes a platform admin, and the caller is none.
   */
  revoke(actor: Principal, id: string): Promise<void> {
    return this.within(actor, async () => {
      await this.authority.hold(actor);
      const invitation = await this.invitations.find(id);
      const isPending = invitation && statusOf(invitation) === 'pending';
      if (!isPending || !(await this.close(actor, invitation))) throw new InvitationNotFoundError(id);
    });
  }

  /** Whoever is deleted leaves none of the invitations to an address that was the person's. */
  @OnAccountChange({})
  async followAccount({ action, user }: AccountChange): Promise<void> {
    if (action !== 'user_deleted') return;
    await this.database.asSystem(async () => this.mails.cancel(await this.invitations.deleteOf(user)));
  }

  /** Joins the transaction that deletes the account: who invited is forgotten, and what is pending is void. */
  @ErasesPersonalData({ tables: ['invitations'] })
  async erase(user_id: string): Promise<void> {
    await this.database.asSystem(async () => this.mails.cancel(await this.invitations.forgetInviter(user_id)));
  }

  /** The one that the person came by, and those that the person sent; to whom is somebody else's affair. */
  @ExportsPersonalData({ part: 'invitations', tables: ['invitations'] })
  async export(user_id: string, page: ExportPage): Promise<ExportedInvitation[]> {
    const invitations = await this.invitations.page(user_id, page);
    return invitations.map(({ id, email, role, status, accepted_by, created_at, expires_at }) => {
      return { id, email: accepted_by === user_id ? email : null, role, status, created_at, expires_at };
    });
  }

  /** @returns whether it was pending until now. */
  private async close(actor: Principal, invitation: Invitation, reason?: 'superseded'): Promise<boolean> {
    const { id, role, tenant_id } = invitation;
    if (!mayGrant(actor, role, tenant_id)) throw new InsufficientPermissionsError();
    if (!(await this.invitations.close(id, { status: 'revoked', accepted_by: null }))) return false;
    await this.mails.cancel([id]);
    await this.record('invitation_revoked', invitation, reason);
    return true;
  }

  private record(action: AuditAction, { id, tenant_id }: Invitation, reason?: string): Promise<void> {
    return this.audit.record({ tenant_id, action, subject: { type: 'invitation', id }, ...(reason && { reason }) });
  }

  private within<T>(actor: Principal, work: () => Promise<T>): Promise<T> {
    return this.database.asPrincipal(actor, () => this.database.transaction(work));
  }
}

type Given = Pick<Invitation, 'tenant_id' | 'email' | 'role' | 'token_hash' | 'invited_by'>;

function newInvitation(given: Given): Invitation {
  const created_at = new Date();
  return Object.assign(new Invitation(), {
    id: uuidv7(),
    ...given,
    status: 'pending',
    accepted_by: null,
    created_at,
    expires_at: new Date(created_at.getTime() + LIFE_MS),
  } satisfies Invitation);
}
