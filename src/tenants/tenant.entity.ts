import { Column, CreateDateColumn, Entity, PrimaryColumn, Unique, UpdateDateColumn } from 'typeorm';

export const TENANT_STATUSES = ['active', 'disabled'] as const;
export type TenantStatus = (typeof TENANT_STATUSES)[number];

/** Where strangers sign up; made by the first migration. */
export const DEFAULT_TENANT_ID = '01900000-0000-7000-8000-000000000000';

/** An organisation: everything that belongs to people belongs to one of these. */
@Entity('tenants')
@Unique('tenants_name_key', ['name'])
export class Tenant {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'tenants_pkey' })
  id!: string;

  @Column('text')
  name!: string;

  @Column('text', { default: 'active' })
  status!: TenantStatus;

  /** Null: the installation's own number (RATE_LIMIT_TENANT). */
  @Column('integer', { nullable: true })
  requests_per_minute!: number | null;

  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz' })
  created_at!: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updated_at!: Date;
}
