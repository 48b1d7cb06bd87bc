import { Injectable } from '@nestjs/common';
import { LessThanOrEqual, MoreThan } from 'typeorm';
import type { PageQuery, Total } from '../../common/pagination.js';
import type { ExportPage } from '../../common/personal-data.js';
import { Database } from '../../database/database.js';
import { exportPageOf } from '../../database/keyset.js';
import { pageOf } from '../../database/page.js';
import { DeletesExpired, deleteOldest } from '../../database/retention/expired.js';
import type { User } from '../user.entity.js';
import { Invitation, type InvitationStatus } from './invitation.entity.js';

export interface InvitationListQuery extends PageQuery {
  readonly tenant_id: string;
  readonly status?: InvitationStatus | undefined;
}

/** Whoever invited can see for so long what became of it. */
const KEPT = '30 days';

/** Every question that the product asks about invitations. */
@Injectable()
export class InvitationsRepository {
  constructor(private readonly database: Database) {}

  async insert(invitation: Invitation): Promise<void> {
    await this.database.run((manager) => manager.insert(Invitation, invitation));
  }

  find(id: string): Promise<Invitation | null> {
    return this.database.run((manager) => manager.findOneBy(Invitation, { id }));
  }

  findByToken(token_hash: Buffer): Promise<Invitation | null> {
    return this.database.run((manager) => manager.findOneBy(Invitation, { token_hash }));
  }

  /** Expired or not. */
  findPending(tenant_id: string, email: string): Promise<Invitation | null> {
    return this.database.run((manager) => manager.findOneBy(Invitation, { tenant_id, email, status: 'pending' }));
  }

  /** A page of one tenant's, the newest first, ids breaking ties. */
  list(query: InvitationListQuery): Promise<Total & { data: Invitation[] }> {
    const { tenant_id, status } = query;
    return this.database.run((manager) =>
      pageOf(
        manager,
        manager
          .createQueryBuilder(Invitation, 'invitation')
          .where({ tenant_id, ...(status && having(status)) })
          .orderBy('invitation.created_at', 'DESC')
          .addOrderBy('invitation.id', 'DESC'),
        query,
      ),
    );
  }

  /** Those that somebody came by, or sent. */
  page(user_id: string, page: ExportPage): Promise<Invitation[]> {
    return this.database.run((manager) =>
      exportPageOf(
        manager
          .createQueryBuilder(Invitation, 'invitation')
          .where('(invitation.accepted_by = :user_id OR invitation.invited_by = :user_id)', { user_id }),
        page,
      ),
    );
  }

  /** @returns whether it was pending until now, and so is decided by this call. */
  async close(id: string, outcome: Pick<Invitation, 'status' | 'accepted_by'>): Promise<boolean> {
    const { affected } = await this.database.run((manager) =>
      manager.update(Invitation, { id, status: 'pending' }, outcome),
    );
    return affected === 1;
  }

  /**
   * Removes the invitation that the person came by and, where the address was proven to be the person's, what else was
   * sent to it: an account under somebody else's address voids nothing that was meant for that one.
   * @returns the ids of what was removed.
   */
  deleteOf({ id, email, email_verified }: Pick<User, 'id' | 'email' | 'email_verified'>): Promise<string[]> {
    return this.change('DELETE FROM invitations WHERE accepted_by = $1 OR ($3 AND email = $2) RETURNING id', [
      id,
      email,
      email_verified,
    ]);
  }

  /** Forgets who invited. Nobody answers for what is still pending: it is void. @returns the ids of that. */
  async forgetInviter(user_id: string): Promise<string[]> {
    const voided = await this.change(
      `UPDATE invitations SET status = 'revoked' WHERE invited_by = $1 AND status = 'pending' RETURNING id`,
      [user_id],
    );
    await this.change('UPDATE invitations SET invited_by = NULL WHERE invited_by = $1 RETURNING id', [user_id]);
    return voided;
  }

  @DeletesExpired('invitations')
  deleteExpired(limit: number): Promise<number> {
    return deleteOldest(this.database, limit, { table: 'invitations', kept: KEPT });
  }

  private async change(sql: string, parameters: unknown[]): Promise<string[]> {
    const [rows] = await this.database.run((manager) => manager.query<[{ id: string }[], number]>(sql, parameters));
    return rows.map(({ id }) => id);
  }
}

/** What the table says of a status; time makes two of `pending`. */
function having(status: InvitationStatus): object {
  if (status === 'expired') return { status: 'pending', expires_at: LessThanOrEqual(new Date()) };
  return status === 'pending' ? { status, expires_at: MoreThan(new Date()) } : { status };
}
