import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';

export type OneTimeTokenKind = 'email_verification' | 'email_change' | 'password_reset';

/** What a mailed link allows, once. Of each kind a user has one: a newer one takes the place of an older. */
@Entity('one_time_tokens')
@Unique('one_time_tokens_newest_only', ['user_id', 'kind'])
@Unique('one_time_tokens_token_hash_key', ['token_hash'])
export class OneTimeTokenRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'one_time_tokens_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  user_id!: string;

  @Column('text')
  kind!: OneTimeTokenKind;

  /** SHA-256: the token itself is in the mail alone. */
  @Column('bytea')
  token_hash!: Buffer;

  /** Where the link was sent: whoever shows the token reads the mail of this address. */
  @Column('text')
  email!: string;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @Column('timestamptz')
  expires_at!: Date;
}
