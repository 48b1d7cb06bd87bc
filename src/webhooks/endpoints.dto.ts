import { ApiProperty } from '@nestjs/swagger';
import { Id, OneOf, SomeOf, Text, WebAddress } from '../common/fields.js';
import { PageOf, PageQuery } from '../common/pagination.js';
import { ALL_EVENTS, SUBSCRIPTIONS, type Subscription } from './event-types.js';
import {
  ENDPOINT_STATUSES,
  type EndpointStatus,
  type MadeEndpoint,
  type WebhookEndpoint,
} from './webhook-endpoint.entity.js';

const EXAMPLE_URL = 'https://shop.example.com/webhooks';

const url = {
  description: 'Where events are posted to: https in production, without user info, at a public address',
  example: EXAMPLE_URL,
};
const events = {
  optional: true,
  description: 'Types of events, or families of them. All, unless told',
  example: ['payment.succeeded', 'refund.*'] as const,
};
const description = { min: 1, max: 500, trim: true, optional: true, example: 'The shop' };

export class WebhookEndpointCreate {
  @WebAddress(url)
  url!: string;

  @SomeOf(SUBSCRIPTIONS, events)
  events?: Subscription[];

  @Text({ ...description, description: 'What it is for' })
  description?: string;
}

export class WebhookEndpointUpdate {
  @WebAddress({ ...url, optional: true })
  url?: string;

  @SomeOf(SUBSCRIPTIONS, { ...events, description: 'Types of events, or families of them' })
  events?: Subscription[];

  @Text({ ...description, nullable: true, description: 'What it is for; null clears it' })
  description?: string | null;

  @OneOf(ENDPOINT_STATUSES, {
    optional: true,
    description: 'A disabled endpoint is sent nothing: what waits for it then is sent when it is enabled again',
    example: 'disabled',
  })
  status?: EndpointStatus;
}

export class WebhookEndpointQuery extends PageQuery {
  @Id({
    optional: true,
    description: 'Of a platform admin: which tenant',
    example: '01900000-0000-7000-8000-000000000000',
  })
  tenant_id?: string;
}

export class WebhookEndpointResponse {
  @ApiProperty({ format: 'uuid', example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c' })
  readonly id!: string;

  @ApiProperty({ format: 'uri', example: EXAMPLE_URL })
  readonly url!: string;

  @ApiProperty({ enum: SUBSCRIPTIONS, isArray: true, example: ALL_EVENTS })
  readonly events!: readonly Subscription[];

  @ApiProperty({ type: String, nullable: true, example: 'The shop' })
  readonly description!: string | null;

  @ApiProperty({
    enum: ENDPOINT_STATUSES,
    description: '`disabled` by an admin, or by the receiver: it has answered 410',
    example: 'enabled',
  })
  readonly status!: EndpointStatus;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly created_at!: Date;

  @ApiProperty({ format: 'date-time', example: '2026-01-31T12:00:00.000Z' })
  readonly updated_at!: Date;

  static from(endpoint: WebhookEndpoint): WebhookEndpointResponse {
    const { id, url: address, events: wanted, description: about, status, created_at, updated_at } = endpoint;
    return { id, url: address, events: wanted, description: about, status, created_at, updated_at };
  }
}

/** The only answers that have the secret. */
export class WebhookEndpointMade extends WebhookEndpointResponse {
  @ApiProperty({
    description: 'What the signatures are made with (Standard Webhooks); shown this once',
    example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  })
  readonly secret!: string;

  static override from(made: MadeEndpoint): WebhookEndpointMade {
    return { ...WebhookEndpointResponse.from(made), secret: made.secret };
  }
}

export class WebhookEndpointPage extends PageOf(WebhookEndpointResponse) {}
