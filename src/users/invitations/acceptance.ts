import { Injectable } from '@nestjs/common';
import { hashOfToken, TokenInvalidError } from '../../common/one-time-token.js';
import { Database } from '../../database/database.js';
import { Authority, mayGrant } from '../authority.js';
import { Newcomers } from '../newcomers/newcomers.js';
import type { User } from '../user.entity.js';
import { UsersRepository } from '../users.repository.js';
import { statusOf, type Invitation } from './invitation.entity.js';
import type { InvitationAccept } from './invitations.dto.js';
import { InvitationsRepository } from './invitations.repository.js';

/** What becomes of an invitation whose token comes back: a user whose address is proven by it. */
@Injectable()
export class Acceptance {
  constructor(
    private readonly invitations: InvitationsRepository,
    private readonly users: UsersRepository,
    private readonly authority: Authority,
    private readonly newcomers: Newcomers,
    private readonly database: Database,
  ) {}

  /**
   * Signs the invited person up, once, into the tenant and the role that the invitation names.
   * @throws {TokenInvalidError} unknown, used, expired or revoked; the tenant is disabled; or whoever invited may not do so
   * any more.
   * @throws {EmailTakenError} somebody has this address by now.
   * @throws {UsernameTakenError} somebody has this username.
   * @throws {OverloadedError} too many passwords are being hashed.
   */
  async accept({ token, ...given }: InvitationAccept): Promise<User> {
    const invitation = await this.getPending(token);
    const { id, tenant_id, email, role } = invitation;
    await this.newcomers.assertFree(email);
    const user = await this.newcomers.make({ ...given, tenant_id, email, role, email_verified: true });
    await this.database.asSystem(() =>
      this.database.transaction(async () => {
        await this.assertStands(invitation);
        await this.newcomers.admit(user, { changes: ['role', 'email_verified'], reason: 'invited' });
        const isFirst = await this.invitations.close(id, { status: 'accepted', accepted_by: user.id });
        if (!isFirst) throw new TokenInvalidError();
      }),
    );
    return user;
  }

  private async getPending(token: string): Promise<Invitation> {
    const found = await this.database.asSystem(() => this.invitations.findByToken(hashOfToken(token)));
    if (!found || statusOf(found) !== 'pending') throw new TokenInvalidError();
    return found;
  }

  /** It may have been waited for, and for days: what counts is what is so now, and stays so until this is done. */
  private async assertStands({ id, tenant_id, role, invited_by }: Invitation): Promise<void> {
    const inviter = invited_by && (await this.users.find(invited_by));
    if (!inviter) throw new TokenInvalidError();
    const { user, tenants } = await this.authority.look(inviter, [tenant_id]);
    const isOpen = tenants.some((tenant) => tenant.id === tenant_id && tenant.status === 'active');
    const now = await this.invitations.find(id);
    const stands = isOpen && user && mayGrant(user, role, tenant_id) && now && statusOf(now) === 'pending';
    if (!stands) throw new TokenInvalidError();
  }
}
