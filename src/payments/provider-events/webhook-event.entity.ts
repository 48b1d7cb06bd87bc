import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique } from 'typeorm';
import type { ProviderEvent } from '../gateways/payment.gateway.js';

export type WebhookStatus = 'received' | 'processed' | 'ignored' | 'unmatched';

/** That a provider told us something: what about, never what. */
@Entity('webhook_events')
@Unique('webhook_events_provider_event_key', ['provider', 'provider_event_id'])
export class WebhookEvent {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhook_events_pkey' })
  id!: string;

  /** The one that the event names; the default tenant where it names none. */
  @Column('uuid')
  tenant_id!: string;

  @Column('text')
  provider!: string;

  @Column('text')
  provider_event_id!: string;

  @Column('text')
  type!: string;

  /** What it is about. */
  @Column('text')
  object!: ProviderEvent['object'];

  /** The provider's id of what it is about. */
  @Column('text')
  object_id!: string;

  @Column('boolean')
  livemode!: boolean;

  @Column('text', { default: 'received' })
  status!: WebhookStatus;

  /** How often it was brought. */
  @Column('integer', { default: 1 })
  deliveries!: number;

  @CreateDateColumn({ type: 'timestamptz' })
  received_at!: Date;

  @Column('timestamptz', { nullable: true })
  processed_at!: Date | null;
}
