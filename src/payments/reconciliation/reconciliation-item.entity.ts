import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What is not as it should be. */
export const ITEM_KINDS = [
  /** The provider has it, and we have not. */
  'missing_local',
  /** We have it, and the provider has not. */
  'missing_provider',
  'amount_mismatch',
  'currency_mismatch',
  'status_mismatch',
  /** The books break one of their rules. */
  'ledger_mismatch',
  /** It does not come to its end. */
  'stuck',
  /** Nobody knows whether it was done, and the provider has forgotten our key. */
  'key_horizon_passed',
  /** Money that was reserved is about to be let go. */
  'hold_expiring',
] as const;
export type ItemKind = (typeof ITEM_KINDS)[number];

export const OBJECT_TYPES = ['payment', 'refund', 'dispute', 'operation', 'request', 'ledger'] as const;
export type ObjectType = (typeof OBJECT_TYPES)[number];

/** Amounts, statuses, times and ids: nothing of a person. */
export type ItemFacts = Readonly<Record<string, string | number | null>>;

/** Something that the provider and we, or two of our own tables, do not agree about. One is open for each kind and object. */
@Entity('reconciliation_items')
export class ReconciliationItem {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'reconciliation_items_pkey' })
  id!: string;

  /** Null where no tenant of ours knows of it. */
  @Column('uuid', { nullable: true })
  tenant_id!: string | null;

  @Column('text')
  kind!: ItemKind;

  @Column('text')
  object_type!: ObjectType;

  /** Ours; the provider's, where we have none. */
  @Column('text')
  object_id!: string;

  @Column('uuid', { nullable: true })
  payment_id!: string | null;

  @Column('text', { nullable: true })
  provider_object_id!: string | null;

  /** As we have it; null where we have nothing. */
  @Column('jsonb', { nullable: true })
  expected!: ItemFacts | null;

  /** As the other side has it; null where there is nothing. */
  @Column('jsonb', { nullable: true })
  seen!: ItemFacts | null;

  @Column('timestamptz', { default: () => 'now()' })
  first_seen!: Date;

  @Column('timestamptz', { default: () => 'now()' })
  last_seen!: Date;

  /** When it was found to be right again. */
  @Column('timestamptz', { nullable: true })
  resolved_at!: Date | null;
}
