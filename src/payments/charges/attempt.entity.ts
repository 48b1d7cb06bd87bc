import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';

export type AttemptStatus =
  | 'submitted'
  | 'processing'
  | 'requires_action'
  | 'authorized'
  | 'succeeded'
  | 'declined'
  | 'canceled';

/** One try to get the money. The database allows one at a time (`payment_attempts_one_open`). */
@Entity('payment_attempts')
@Unique('payment_attempts_seq_key', ['payment_id', 'seq'])
@Unique('payment_attempts_provider_key', ['payment_id', 'provider_attempt_id'])
export class PaymentAttempt {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'payment_attempts_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  payment_id!: string;

  @Column('integer')
  seq!: number;

  @Column('text', { nullable: true })
  payment_method!: string | null;

  @Column('text')
  status!: AttemptStatus;

  /** The provider's name for this very try: older news are told by it. */
  @Column('text', { nullable: true })
  provider_attempt_id!: string | null;

  @Column('text', { nullable: true })
  error_code!: string | null;

  @Column('text', { nullable: true })
  decline_code!: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @Column('timestamptz', { nullable: true })
  finished_at!: Date | null;
}
