import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';
import type { Role } from '../../common/access.js';

/** A login that lasts. Its row decides every request: without it a token is worth nothing. */
@Entity('sessions')
export class Session {
  /** The `sid` of its access tokens. */
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'sessions_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  user_id!: string;

  /** The user's as it is now: a change of role changes it here too. */
  @Column('text')
  role!: Role;

  /** When the user last proved the password or the second factor. */
  @Column('timestamptz')
  auth_time!: Date;

  @Column('text', { nullable: true })
  user_agent!: string | null;

  /** Shortened to its network. */
  @Column('text')
  ip!: string;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  /** At most a minute behind. */
  @Column('timestamptz', { default: () => 'now()' })
  last_seen_at!: Date;

  /** When it is over unless it is refreshed; a refresh puts it off, at most to SESSION_MAX_DAYS after the login. */
  @Column('timestamptz')
  expires_at!: Date;

  /** SHA-256 of the refresh token that is good now. Left out of every read that does not ask for it by name, as the next. */
  @Column('bytea', { nullable: true, select: false })
  refresh_hash!: Buffer | null;

  /** SHA-256 of the refresh token before it. */
  @Column('bytea', { nullable: true, select: false })
  parent_hash!: Buffer | null;

  /** When the one took the place of the other. */
  @Column('timestamptz', { nullable: true })
  refreshed_at!: Date | null;

  /** By which key of the ring the one was derived from the other. */
  @Column('text', { nullable: true })
  refresh_key_id!: string | null;
}
