import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import type { TransitionActor } from '../charges/transition.entity.js';
import type { DisputeFunds } from '../gateways/dispute-snapshot.js';

/** One step of a dispute. Append-only: the database refuses to change or remove a row. */
@Entity('dispute_transitions')
@Unique('dispute_transitions_version_key', ['dispute_id', 'version'])
export class DisputeTransition {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'dispute_transitions_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  dispute_id!: string;

  /** The dispute's after it. */
  @Column('integer')
  version!: number;

  @Column('text', { nullable: true })
  from_status!: string | null;

  @Column('text')
  to_status!: string;

  @Column('text')
  funds!: DisputeFunds;

  @Column('text')
  actor!: TransitionActor;

  @Column('uuid', { nullable: true })
  actor_id!: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;
}
