import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import { SealedColumn } from '../../database/sealing/sealed-column.js';

/** What answers are sealed for. */
export const ANSWER_PURPOSE = 'idempotency';

export type RecoveryPoint = 'started' | 'resource_created' | 'provider_object_created' | 'provider_asked' | 'finished';

/** A client's key, what it has brought about so far, and the answer that every repeat gets. */
@Entity('idempotency_keys')
@Unique('idempotency_keys_owner_key', ['owner_id', 'key'])
export class IdempotencyKey {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'idempotency_keys_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  /** The user, by whichever credential: a key is good for one user alone. */
  @Column('uuid')
  owner_id!: string;

  @Column('text')
  key!: string;

  /** SHA-256 of method, route, parameters and the body in canonical form. */
  @Column('bytea')
  request_hash!: Buffer;

  @Column('text')
  request_path!: string;

  /** The status of its success. */
  @Column('smallint')
  success_status!: number;

  @Column('text', { default: 'started' })
  recovery_point!: RecoveryPoint;

  @Column('uuid', { nullable: true })
  payment_id!: string | null;

  @Column('uuid', { nullable: true })
  operation_id!: string | null;

  /** Whoever holds it may write; who was overtaken has an older one. */
  @Column('uuid')
  lock_token!: string;

  @Column('timestamptz')
  locked_until!: Date;

  @Column('integer', { default: 1 })
  runs!: number;

  /** The request that gave the answer, or works on it. */
  @Column('text')
  request_id!: string;

  @Column('smallint', { nullable: true })
  response_status!: number | null;

  @Column('jsonb', { nullable: true })
  response_headers!: Record<string, string> | null;

  /** The very bytes, sealed. */
  @SealedColumn(ANSWER_PURPOSE)
  @Column('bytea', { nullable: true })
  response_body!: Buffer | null;

  @Column('text', { nullable: true })
  key_id!: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @Column('timestamptz', { default: () => 'now()' })
  last_run_at!: Date;

  @Column('timestamptz', { nullable: true })
  finished_at!: Date | null;
}
