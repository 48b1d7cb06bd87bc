import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import type { PaymentStatus } from '../payment-states.js';

/** Who moved it. */
export type TransitionActor = 'api' | 'webhook' | 'reconciler';

/** Who brings a step about. */
export interface Mover {
  readonly actor: TransitionActor;
  readonly actor_id?: string | null;
}

/** One step of a payment. Append-only: the database refuses to change or remove a row. */
@Entity('payment_transitions')
@Unique('payment_transitions_version_key', ['payment_id', 'version'])
export class PaymentTransition {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'payment_transitions_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  payment_id!: string;

  /** The payment's after it. */
  @Column('integer')
  version!: number;

  @Column('text', { nullable: true })
  from_status!: PaymentStatus | null;

  @Column('text')
  to_status!: PaymentStatus;

  @Column('text')
  actor!: TransitionActor;

  @Column('uuid', { nullable: true })
  actor_id!: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;
}
