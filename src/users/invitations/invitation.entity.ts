import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import type { Role } from '../../common/access.js';

export const INVITATION_STATUSES = ['pending', 'accepted', 'revoked', 'expired'] as const;
export type InvitationStatus = (typeof INVITATION_STATUSES)[number];

/** Somebody is asked by mail to join a tenant. Of one tenant and address, one at most is pending. */
@Entity('invitations')
@Unique('invitations_token_key', ['token_hash'])
export class Invitation {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'invitations_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  /** In lower case. */
  @Column('text')
  email!: string;

  /** What the new user is going to be. */
  @Column('text')
  role!: Role;

  /** What somebody made of it; see {@link statusOf} for what time did. */
  @Column('text', { default: 'pending' })
  status!: Exclude<InvitationStatus, 'expired'>;

  /** SHA-256; the token itself is in the mail alone. */
  @Column('bytea')
  token_hash!: Buffer;

  /** Who must still be able to invite when it is accepted. Null once that account is deleted. */
  @Column('uuid', { nullable: true })
  invited_by!: string | null;

  /** Who came of it. */
  @Column('uuid', { nullable: true })
  accepted_by!: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @Column('timestamptz')
  expires_at!: Date;
}

/** Pending until somebody accepts it, takes it back, or its time is over. */
export const statusOf = ({ status, expires_at }: Invitation): InvitationStatus =>
  status === 'pending' && expires_at.getTime() <= Date.now() ? 'expired' : status;
