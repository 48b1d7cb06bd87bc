import { ApiProperty } from '@nestjs/swagger';
import { Id } from '../../common/fields.js';
import { KeysetOf, KeysetQuery } from '../../common/pagination.js';
import { EVENT_TYPES } from '../event-types.js';
import { DELIVERY_STATUSES, type DeliveryStatus, type WebhookDelivery } from './webhook-delivery.entity.js';

const EXAMPLE_ID = '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c';

export class WebhookDeliveryQuery extends KeysetQuery {
  @Id({
    optional: true,
    description: 'Of a platform admin: which tenant. An endpoint has deliveries of its own tenant alone',
    example: '01900000-0000-7000-8000-000000000000',
  })
  tenant_id?: string;
}

export class WebhookDeliveryResponse {
  @ApiProperty({ format: 'uuid', example: EXAMPLE_ID })
  readonly id!: string;

  @ApiProperty({ format: 'uuid', description: 'The `webhook-id` of every attempt', example: EXAMPLE_ID })
  readonly event_id!: string;

  @ApiProperty({ enum: EVENT_TYPES, example: 'payment.succeeded' })
  readonly type!: string;

  @ApiProperty({
    enum: DELIVERY_STATUSES,
    description: '`delivered`: answered 2xx; `dead`: given up, unless somebody has it sent again',
    example: 'delivered',
  })
  readonly status!: DeliveryStatus;

  @ApiProperty({ type: 'integer', example: 1 })
  readonly attempts!: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'What the receiver has answered; null where it did not, or may not be asked',
    example: 204,
  })
  readonly last_status!: number | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Null once nothing is tried any more',
    example: null,
  })
  readonly next_attempt_at!: Date | null;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly created_at!: Date;

  static from(delivery: WebhookDelivery): WebhookDeliveryResponse {
    const { id, event_id, type, status, attempts, last_status, next_attempt_at, created_at } = delivery;
    return { id, event_id, type, status, attempts, last_status, next_attempt_at, created_at };
  }
}

export class WebhookDeliveryList extends KeysetOf(WebhookDeliveryResponse) {}
