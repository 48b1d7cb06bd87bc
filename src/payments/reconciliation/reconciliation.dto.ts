import { ApiProperty } from '@nestjs/swagger';
import { Id, OneOf, QueryFlag } from '../../common/fields.js';
import { KeysetOf, KeysetQuery } from '../../common/pagination.js';
import {
  ITEM_KINDS,
  OBJECT_TYPES,
  type ItemFacts,
  type ItemKind,
  type ObjectType,
  type ReconciliationItem,
} from './reconciliation-item.entity.js';
import type { ReconciliationRun } from './reconciliation-runs.repository.js';

const EXAMPLE_ID = '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c';
const TENANT_ID = '01900000-0000-7000-8000-000000000000';

export class ReconciliationItemsQuery extends KeysetQuery {
  @OneOf(ITEM_KINDS, { optional: true, description: 'Of this kind', example: 'amount_mismatch' })
  kind?: ItemKind;

  @QueryFlag({ description: 'Whether it is so still', example: true })
  open?: boolean;

  @Id({ optional: true, description: 'Of a platform admin: which tenant', example: TENANT_ID })
  tenant_id?: string;
}

export class ReconciliationObject {
  @ApiProperty({ enum: OBJECT_TYPES, description: '`ledger`: a rule of the books', example: 'payment' })
  readonly type!: ObjectType;

  @ApiProperty({ example: EXAMPLE_ID, description: "Ours; the provider's where we have none" })
  readonly id!: string;
}

const facts = (description: string, example: ItemFacts): PropertyDecorator =>
  ApiProperty({ type: 'object', additionalProperties: true, nullable: true, description, example });
const time = (description: string): PropertyDecorator =>
  ApiProperty({ format: 'date-time', description, example: '2026-01-31T12:00:00.000Z' });

export class ReconciliationItemResponse {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_ID })
  readonly id!: string;

  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'Null where no tenant knows of it',
    example: TENANT_ID,
  })
  readonly tenant_id!: string | null;

  @ApiProperty({ enum: ITEM_KINDS, example: 'amount_mismatch' })
  readonly kind!: ItemKind;

  @ApiProperty({ type: ReconciliationObject })
  readonly object!: ReconciliationObject;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, example: EXAMPLE_ID })
  readonly payment_id!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'pi_sim_019a3b5e7c1d' })
  readonly provider_object_id!: string | null;

  @facts('As we have it; null where we have nothing', { amount: 4_200 })
  readonly expected!: ItemFacts | null;

  @facts('As the other side has it; null where there is nothing', { amount: 4_100 })
  readonly seen!: ItemFacts | null;

  @time('When it was found')
  readonly first_seen!: Date;

  @time('When it was found last')
  readonly last_seen!: Date;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When it was found to be right again',
    example: null,
  })
  readonly resolved_at!: Date | null;

  static from(item: ReconciliationItem): ReconciliationItemResponse {
    const { id, tenant_id, kind, object_type, object_id, payment_id, provider_object_id } = item;
    const { expected, seen, first_seen, last_seen, resolved_at } = item;
    const object = { type: object_type, id: object_id };
    const about = { id, tenant_id, kind, object, payment_id, provider_object_id };
    return { ...about, expected, seen, first_seen, last_seen, resolved_at };
  }
}

export class ReconciliationItemList extends KeysetOf(ReconciliationItemResponse) {}

export class ReconciliationRunResponse implements ReconciliationRun {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_ID })
  readonly id!: string;

  @ApiProperty({ enum: ['waiting', 'running', 'finished', 'failed'], example: 'waiting' })
  readonly status!: ReconciliationRun['status'];

  @time('Since when it waits')
  readonly created_at!: Date;
}
