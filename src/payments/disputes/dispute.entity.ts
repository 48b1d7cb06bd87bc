import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique, UpdateDateColumn } from 'typeorm';
import type { DisputeFunds } from '../gateways/dispute-snapshot.js';
import { minorUnits } from '../money/minor-units.js';
import type { Payment } from '../payment.entity.js';

/** A payer has told the own bank that a payment is not right. Only ever made at the provider. */
@Entity('disputes')
@Unique('disputes_provider_dispute_key', ['provider', 'provider_dispute_id'])
export class Dispute {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'disputes_pkey' })
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

  @Column('text')
  provider_dispute_id!: string;

  /** In the minor unit of the currency. */
  @Column('bigint', { transformer: minorUnits })
  amount!: number;

  /** The provider's word, as it was when the dispute was first heard of; nobody's, once the account was deleted. */
  @Column('text', { nullable: true })
  reason!: string | null;

  /** The provider's own word, of a list that grows. */
  @Column('text')
  status!: string;

  /** Nobody will change it any more. */
  @Column('boolean')
  closed!: boolean;

  /** What was withdrawn will not come back. */
  @Column('boolean')
  lost!: boolean;

  @Column('text')
  funds!: DisputeFunds;

  @Column('timestamptz', { nullable: true })
  evidence_due_at!: Date | null;

  /** The provider says what cannot be: a person must look. */
  @Column('boolean', { default: false })
  needs_review!: boolean;

  @Column('text', { nullable: true })
  review_reason!: string | null;

  /** The number of its transitions. */
  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updated_at!: Date;
}
