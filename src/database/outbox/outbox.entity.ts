import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import { SealedColumn } from '../sealing/sealed-column.js';

/** Pending until it was delivered (`sent`) or given up (`dead`). What was erased before it left counts as delivered. */
export type OutboxStatus = 'pending' | 'sent' | 'dead';

/** A fact that is going to leave: written in the transaction that makes it true, delivered after. */
@Entity('outbox')
@Unique('outbox_topic_dedupe_key', ['topic', 'dedupe_key'])
export class OutboxRow {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'outbox_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  /** Who delivers it (`@DeliversOutbox`). */
  @Column('text')
  topic!: string;

  /** The same fact has the same key: a second row of it is not written. */
  @Column('text')
  dedupe_key!: string;

  /** The person whose data the payload holds. */
  @Column('uuid', { nullable: true })
  subject_id!: string | null;

  /** Sealed; gone once it was delivered or erased. */
  @SealedColumn('outbox')
  @Column('bytea', { nullable: true })
  payload!: Buffer | null;

  /** The key of the ring that opens the payload. */
  @Column('text', { nullable: true })
  key_id!: string | null;

  /** Of the request that wrote it, where that was traced. */
  @Column('text', { nullable: true })
  traceparent!: string | null;

  @Column('text', { default: 'pending' })
  status!: OutboxStatus;

  /** How often a delivery was begun. */
  @Column('integer', { default: 0 })
  attempts!: number;

  /** Grows when a delivery begins and when a process starts: whoever was handed the row under an older number is late. */
  @Column('integer', { default: 0 })
  dispatches!: number;

  /** How many deliveries in a row began and never told how they ended: their process died of it, or with it. */
  @Column('integer', { default: 0 })
  stalls!: number;

  @Column('timestamptz', { default: () => 'now()' })
  next_attempt_at!: Date;

  /** Until then the delivery that has begun has the row for itself. */
  @Column('timestamptz', { nullable: true })
  lease_until!: Date | null;

  /** What kind of error it was: never an address, never a message. */
  @Column('text', { nullable: true })
  last_error!: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  /** When the time began after which it is given up. */
  @Column('timestamptz', { default: () => 'now()' })
  tried_since!: Date;

  @Column('timestamptz', { nullable: true })
  sent_at!: Date | null;
}
