import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import { SealedColumn } from '../../database/sealing/sealed-column.js';

/** What the secrets of authenticator apps are sealed for. */
export const TOTP_SECRET = 'totp-secret';

/** The secret that a user's authenticator app shares with us. */
@Entity('totp_factors')
@Unique('totp_factors_user_key', ['user_id'])
export class TotpFactor {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'totp_factors_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  user_id!: string;

  @SealedColumn(TOTP_SECRET)
  @Column('bytea')
  secret!: Buffer;

  /** The key of the ring that opens the secret. */
  @Column('text')
  key_id!: string;

  /** The time step of the last code that was accepted: that one, and all before it, are used up. */
  @Column('integer', { nullable: true })
  last_step!: number | null;

  /** How long it waits for the code that confirms it; null once that came. */
  @Column('timestamptz', { nullable: true })
  expires_at!: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;
}
