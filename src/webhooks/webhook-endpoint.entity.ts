import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import { SealedColumn } from '../database/sealing/sealed-column.js';
import type { Subscription } from './event-types.js';

export const ENDPOINT_STATUSES = ['enabled', 'disabled'] as const;
export type EndpointStatus = (typeof ENDPOINT_STATUSES)[number];

/** What the keys of the secrets' seal are derived for. */
export const SECRETS_PURPOSE = 'webhook-secrets';

/** Where a tenant wants to hear of events. */
@Entity('webhook_endpoints')
export class WebhookEndpoint {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhook_endpoints_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  /** As it was given. */
  @Column('text')
  url!: string;

  @Column('text', { array: true })
  events!: Subscription[];

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('text', { default: 'enabled' })
  status!: EndpointStatus;

  /** `gone`: the receiver has answered 410. */
  @Column('text', { nullable: true })
  disabled_reason!: 'admin' | 'gone' | null;

  /** What its deliveries are signed with: see `EndpointSecrets`. */
  @SealedColumn(SECRETS_PURPOSE)
  @Column('bytea')
  secrets!: Buffer;

  @Column('text')
  key_id!: string;

  /** How long the secret before the current one goes on. */
  @Column('timestamptz', { nullable: true })
  previous_expires_at!: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updated_at!: Date;
}

/** The only form in which a secret is seen: when it was made. */
export type MadeEndpoint = WebhookEndpoint & {
  /** `whsec_<base64>`. */
  readonly secret: string;
};
