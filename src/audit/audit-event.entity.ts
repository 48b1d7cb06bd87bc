import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

export type ActorType = 'user' | 'api_key' | 'anonymous' | 'system';

/** One thing that was done to an account. Append-only: the database refuses to change or remove a row. */
@Entity('audit_events')
export class AuditEvent {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'audit_events_pkey' })
  id!: string;

  /** Of the same clock as the id, so that both sort alike. */
  @CreateDateColumn({ type: 'timestamptz' })
  at!: Date;

  @Column('uuid')
  tenant_id!: string;

  @Column('text')
  actor_type!: ActorType;

  @Column('uuid', { nullable: true })
  actor_id!: string | null;

  /** Of the OWASP logging vocabulary where it has a word. */
  @Column('text')
  action!: string;

  @Column('text', { nullable: true })
  subject_type!: string | null;

  @Column('uuid', { nullable: true })
  subject_id!: string | null;

  @Column('text')
  outcome!: 'success' | 'failure';

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('text', { nullable: true })
  request_id!: string | null;

  /** Shortened to its network. */
  @Column('text', { nullable: true })
  ip!: string | null;

  /** Names of the fields that changed; never their values. */
  @Column('text', { array: true, default: [] })
  changes!: string[];
}
