import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique, UpdateDateColumn } from 'typeorm';
import type { RefundStatus } from '../gateways/refund-snapshot.js';
import { minorUnits } from '../money/minor-units.js';
import type { Payment } from '../payment.entity.js';

/** Who wanted it: somebody by our API, or somebody at the provider. */
export const REFUND_ORIGINS = ['api', 'provider'] as const;
export type RefundOrigin = (typeof REFUND_ORIGINS)[number];

/** Money of a payment that goes back. What goes back in all is the payment's to know: its row is locked before any of these. */
@Entity('refunds')
@Unique('refunds_provider_refund_key', ['provider', 'provider_refund_id'])
export class Refund {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'refunds_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  @Column('uuid')
  payment_id!: string;

  /** The payment's: the database refuses another one. */
  @Column('text')
  currency!: string;

  @Column('text')
  provider!: Payment['provider'];

  /** Null until the provider has named it. */
  @Column('text', { nullable: true })
  provider_refund_id!: string | null;

  /** In the minor unit of the currency. */
  @Column('bigint', { transformer: minorUnits })
  amount!: number;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('text')
  status!: RefundStatus;

  @Column('text')
  origin!: RefundOrigin;

  /** Why it came to nothing, in the provider's words. */
  @Column('text', { nullable: true })
  failure_code!: string | null;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, string>;

  /** The provider says what cannot be, or nothing: a person must look. */
  @Column('boolean', { default: false })
  needs_review!: boolean;

  @Column('text', { nullable: true })
  review_reason!: string | null;

  @Column('timestamptz', { nullable: true })
  next_reconcile_at!: Date | null;

  @Column('integer', { default: 0 })
  reconcile_attempts!: number;

  /** The number of its transitions. */
  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updated_at!: Date;
}
