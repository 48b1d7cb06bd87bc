import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import type { TransitionActor } from '../charges/transition.entity.js';
import type { RefundStatus } from '../gateways/refund-snapshot.js';

/** One step of a refund. Append-only: the database refuses to change or remove a row. */
@Entity('refund_transitions')
@Unique('refund_transitions_version_key', ['refund_id', 'version'])
export class RefundTransition {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'refund_transitions_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  refund_id!: string;

  /** The refund's after it. */
  @Column('integer')
  version!: number;

  @Column('text', { nullable: true })
  from_status!: RefundStatus | null;

  @Column('text')
  to_status!: RefundStatus;

  @Column('text')
  actor!: TransitionActor;

  @Column('uuid', { nullable: true })
  actor_id!: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;
}
