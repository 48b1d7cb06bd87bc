import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique, UpdateDateColumn } from 'typeorm';
import { SealedColumn } from '../database/sealing/sealed-column.js';
import { minorUnits } from './money/minor-units.js';
import type { PaymentStatus } from './payment-states.js';

/** What sealed actions are sealed for: a provider's link to its page holds a secret. */
export const ACTION_PURPOSE = 'payment-action';

export type CaptureMethod = 'automatic' | 'manual';

/** What is shown of a payment method; never a number that could be paid with. */
export interface PaymentMethod {
  readonly id: string;
  readonly type: string;
  readonly brand: string | null;
  readonly last4: string | null;
}

/** Why the last try failed, in the provider's words. */
export interface LastError {
  readonly code: string;
  readonly decline_code: string | null;
  readonly message: string | null;
}

/** What the payer has to do. */
export interface NextAction {
  readonly type: 'redirect';
  readonly url: string;
}

/** Money that somebody owes and the provider collects. Amounts are integers in the minor unit of the currency. */
@Entity('payments')
@Unique('payments_id_currency_key', ['id', 'currency'])
@Unique('payments_provider_payment_key', ['provider', 'provider_payment_id'])
export class Payment {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'payments_pkey' })
  id!: string;

  @Column('uuid')
  tenant_id!: string;

  /** A user's id; nobody's, once the account was deleted. */
  @Column('uuid')
  owner_id!: string;

  /** The client's own name for it, unique among the owner's that were not canceled. */
  @Column('text', { nullable: true })
  reference!: string | null;

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, string>;

  @Column('text')
  provider!: 'stripe' | 'simulator';

  @Column('boolean')
  livemode!: boolean;

  /** Null until the provider has named it, which is committed before any money can move. */
  @Column('text', { nullable: true })
  provider_payment_id!: string | null;

  @Column('bigint', { transformer: minorUnits })
  amount!: number;

  /** ISO 4217, in upper case. */
  @Column('text')
  currency!: string;

  @Column('bigint', { transformer: minorUnits, default: 0 })
  amount_authorized!: number;

  @Column('bigint', { transformer: minorUnits, default: 0 })
  amount_captured!: number;

  @Column('bigint', { transformer: minorUnits, default: 0 })
  amount_refunded!: number;

  @Column('bigint', { transformer: minorUnits, default: 0 })
  amount_refund_pending!: number;

  @Column('text')
  capture_method!: CaptureMethod;

  @Column('jsonb', { nullable: true })
  payment_method!: PaymentMethod | null;

  @Column('text')
  status!: PaymentStatus;

  @Column('text', { nullable: true })
  cancellation_reason!: string | null;

  @Column('jsonb', { nullable: true })
  last_error!: LastError | null;

  @SealedColumn(ACTION_PURPOSE)
  @Column('bytea', { nullable: true })
  sealed_action!: Buffer | null;

  @Column('text', { nullable: true })
  key_id!: string | null;

  /** Opened; no column. */
  next_action!: NextAction | null;

  @Column('text', { nullable: true })
  dispute_status!: string | null;

  /** The provider says what cannot be: a person must look. */
  @Column('boolean', { default: false })
  needs_review!: boolean;

  @Column('text', { nullable: true })
  review_reason!: string | null;

  /** Until when an authorisation holds. */
  @Column('timestamptz', { nullable: true })
  capture_before!: Date | null;

  /** When the provider is asked next, if nobody brings news until then. */
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

  @Column('timestamptz', { nullable: true })
  authorized_at!: Date | null;

  @Column('timestamptz', { nullable: true })
  captured_at!: Date | null;

  @Column('timestamptz', { nullable: true })
  canceled_at!: Date | null;
}
