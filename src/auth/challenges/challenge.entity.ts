import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';

/** A login whose password was right, and which waits for its code. */
@Entity('mfa_challenges')
@Unique('mfa_challenges_token_key', ['token_hash'])
export class Challenge {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'mfa_challenges_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  user_id!: string;

  @Column('text')
  token_hash!: string;

  /** The user's when the password was proven: after any change the challenge is void. */
  @Column('integer')
  version!: number;

  /** How often a code was tried, whatever became of it. */
  @Column('integer', { default: 0 })
  tries!: number;

  @Column('timestamptz')
  expires_at!: Date;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;
}
