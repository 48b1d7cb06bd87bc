import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';

export type Operation = 'create' | 'confirm' | 'capture' | 'cancel' | 'refund';
/** `sent` also while nobody knows whether it was: the row is committed before the first byte leaves. */
export type OperationState = 'sent' | 'succeeded' | 'rejected' | 'unknown';

/** What is asked of the provider, written down before it is asked. A repeat sends these very parameters under this key. */
@Entity('provider_operations')
@Unique('provider_operations_key', ['provider', 'idempotency_key'])
@Unique('provider_operations_seq_key', ['payment_id', 'operation', 'seq'])
@Unique('provider_operations_refund_key', ['refund_id'])
export class ProviderOperation {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'provider_operations_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  payment_id!: string;

  /** With `refund`, which one. */
  @Column('uuid', { nullable: true })
  refund_id!: string | null;

  @Column('text')
  provider!: string;

  @Column('text')
  operation!: Operation;

  @Column('integer')
  seq!: number;

  /** Ours: from our id, the operation and its number. Never the client's, never from an amount. */
  @Column('text')
  idempotency_key!: string;

  @Column('jsonb')
  request!: object;

  @Column('text')
  state!: OperationState;

  @Column('integer', { default: 1 })
  attempts!: number;

  @Column('timestamptz', { default: () => 'now()' })
  first_sent_at!: Date;

  @Column('timestamptz', { default: () => 'now()' })
  last_sent_at!: Date;

  /** Providers forget keys after a day: from then on it is only asked what became of it. */
  @Column('timestamptz')
  post_until!: Date;

  @Column('text', { nullable: true })
  error_code!: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @Column('timestamptz', { nullable: true })
  finished_at!: Date | null;
}
