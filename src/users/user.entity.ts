import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique, UpdateDateColumn } from 'typeorm';
import type { Role } from '../common/access.js';

export const USER_STATUSES = ['active', 'disabled'] as const;
export type UserStatus = (typeof USER_STATUSES)[number];

/** A person's account. It belongs to one tenant; its address and username are unique over the whole installation. */
@Entity('users')
@Unique('users_email_key', ['email'])
@Unique('users_username_key', ['username_key'])
export class User {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'users_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  /** In lower case. */
  @Column('text')
  email!: string;

  /** As it was given. */
  @Column('text', { nullable: true })
  username!: string | null;

  /** The username in lower case, which is what must be unique. */
  @Column('text', { nullable: true })
  username_key!: string | null;

  @Column('text')
  full_name!: string;

  /** The name in lower case, for the search. PostgreSQL keeps it. */
  @Column({ type: 'text', select: false, insert: false, update: false })
  full_name_key?: string;

  /** PHC string. Left out of every read that does not ask for it by name. */
  @Column('text', { select: false })
  password_hash!: string;

  @Column('text', { default: 'user' })
  role!: Role;

  @Column('text', { default: 'active' })
  status!: UserStatus;

  @Column('boolean', { default: false })
  email_verified!: boolean;

  @Column('boolean', { default: false })
  mfa_enabled!: boolean;

  /** Grows with every change; a change states which one it saw. */
  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updated_at!: Date;
}
