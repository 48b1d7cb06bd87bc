import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';

/** Stands in once for an authenticator app that was lost. */
@Entity('recovery_codes')
@Unique('recovery_codes_user_code_key', ['user_id', 'code_hash'])
export class RecoveryCode {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'recovery_codes_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  user_id!: string;

  @Column('text')
  code_hash!: string;

  @Column('timestamptz', { nullable: true })
  used_at!: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;
}
