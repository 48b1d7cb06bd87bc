import { ApiProperty } from '@nestjs/swagger';
import { Id, Integer, OneOf, Text } from '../common/fields.js';
import { PageOf, PageQuery } from '../common/pagination.js';
import { TENANT_STATUSES, type Tenant, type TenantStatus } from './tenant.entity.js';

const name = { min: 1, max: 100, trim: true, description: 'Unique', example: 'Analytical Engines' };
const status = { optional: true, description: 'Of a disabled tenant nobody comes in' };
const requestsPerMinute = { min: 1, max: 1_000_000, optional: true, example: 3_000 };

export class TenantCreate {
  @Text(name)
  name!: string;

  @OneOf(TENANT_STATUSES, { ...status, example: 'active' })
  status?: TenantStatus;

  @Integer({
    ...requestsPerMinute,
    description: 'Where it is left out, as many as the installation gives each tenant',
  })
  requests_per_minute?: number;
}

export class TenantUpdate {
  @Text({ ...name, optional: true })
  name?: string;

  @OneOf(TENANT_STATUSES, { ...status, example: 'disabled' })
  status?: TenantStatus;

  @Integer({
    ...requestsPerMinute,
    nullable: true,
    description: 'Null clears it: as many as the installation gives each tenant',
  })
  requests_per_minute?: number | null;
}

export class TenantQuery extends PageQuery {
  @OneOf(TENANT_STATUSES, { optional: true, description: 'With this status', example: 'active' })
  status?: TenantStatus;

  @Id({ optional: true, description: 'This one alone', example: '01900000-0000-7000-8000-000000000000' })
  tenant_id?: string;
}

export class TenantResponse {
  @ApiProperty({ format: 'uuid', example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c' })
  readonly id!: string;

  @ApiProperty({ example: 'Analytical Engines' })
  readonly name!: string;

  @ApiProperty({ enum: TENANT_STATUSES, example: 'active' })
  readonly status!: TenantStatus;

  @ApiProperty({ type: 'integer', nullable: true, example: null })
  readonly requests_per_minute!: number | null;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly created_at!: Date;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly updated_at!: Date;

  static from({ id, name, status, requests_per_minute, created_at, updated_at }: Readonly<Tenant>): TenantResponse {
    return { id, name, status, requests_per_minute, created_at, updated_at };
  }
}

export class TenantPage extends PageOf(TenantResponse) {}
