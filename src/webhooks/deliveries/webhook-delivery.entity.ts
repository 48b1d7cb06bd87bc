import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import { SealedColumn } from '../../database/sealing/sealed-column.js';

export const DELIVERY_STATUSES = ['pending', 'delivered', 'dead'] as const;
/** Pending until the receiver has answered 2xx (`delivered`), or for as long as it is tried (`dead`). */
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** What the keys of the bodies' seal are derived for. */
export const BODY_PURPOSE = 'webhook-bodies';

/** An event on its way to an endpoint. */
@Entity('webhook_deliveries')
@Unique('webhook_deliveries_endpoint_event_key', ['endpoint_id', 'event_id'])
export class WebhookDelivery {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhook_deliveries_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  endpoint_id!: string;

  /** What receivers tell events apart by. */
  @Column('uuid')
  event_id!: string;

  @Column('text')
  type!: string;

  /** The person whom it is about. */
  @Column('uuid', { nullable: true })
  subject_id!: string | null;

  /** Of what it tells about, where that was traced. */
  @Column('text', { nullable: true })
  traceparent!: string | null;

  /** The very bytes of every attempt, sealed. */
  @SealedColumn(BODY_PURPOSE)
  @Column('bytea')
  body!: Buffer;

  @Column('text')
  key_id!: string;

  @Column('text', { default: 'pending' })
  status!: DeliveryStatus;

  /** How often it was begun. */
  @Column('integer', { default: 0 })
  attempts!: number;

  /** So many attempts were before somebody wanted it sent again: its patience begins anew then. */
  @Column('integer', { default: 0 })
  series_began!: number;

  /** What the receiver has answered; null where it did not. */
  @Column('integer', { nullable: true })
  last_status!: number | null;

  /** What kind of error it was, where there was no answer: never an address, never a message. */
  @Column('text', { nullable: true })
  last_error!: string | null;

  /** Null once nothing is tried any more. */
  @Column('timestamptz', { nullable: true, default: () => 'now()' })
  next_attempt_at!: Date | null;

  /** Until then the attempt that has begun has the row for itself. */
  @Column('timestamptz', { nullable: true })
  lease_until!: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @Column('timestamptz', { nullable: true })
  delivered_at!: Date | null;
}
