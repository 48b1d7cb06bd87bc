import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';
import type { Role, Scope } from '../../common/access.js';
import type { UserStatus } from '../../users/user.entity.js';

/** What a program of the user's comes in with. Its row decides each of the program's requests, as a session's does. */
@Entity('api_keys')
export class ApiKey {
  /** The key's text names it, so that it is looked up by it. */
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'api_keys_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  user_id!: string;

  /** The user's as it is now: a change of role changes it here too. */
  @Column('text')
  role!: Role;

  /** The user's as it is now. */
  @Column('text', { default: 'active' })
  status!: UserStatus;

  @Column('text')
  name!: string;

  @Column('text', { array: true })
  scopes!: Scope[];

  /** SHA-256 of the key. */
  @Column('bytea', { select: false })
  key_hash!: Buffer;

  /** Of the key that this one took the place of, for as long as that goes on. */
  @Column('bytea', { nullable: true, select: false })
  previous_hash!: Buffer | null;

  @Column('timestamptz', { nullable: true, select: false })
  previous_expires_at!: Date | null;

  /** Null: never. */
  @Column('timestamptz', { nullable: true })
  expires_at!: Date | null;

  /** At most a minute behind. */
  @Column('timestamptz', { nullable: true })
  last_used_at!: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;
}

/** What its owner sees of it. */
export type ShownApiKey = Pick<ApiKey, 'id' | 'name' | 'scopes' | 'expires_at' | 'last_used_at' | 'created_at'>;

/** The key's text is known at this moment alone. */
export type MadeApiKey = ShownApiKey & { readonly key: string };
