import { Controller, HttpCode, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Public } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { RouteNotFoundError } from '../../common/http-errors.js';
import { WebhookSignatureInvalidError } from './signature.js';
import { ProviderEventsService } from './provider-events.service.js';

const MOST_BYTES = 256 * 1024;
const NOTHING = Buffer.alloc(0);

class WebhookReceived {
  @ApiProperty({ example: true })
  readonly received!: boolean;
}

@ApiTags('webhooks')
@Controller('webhooks')
@Public('ignored')
export class WebhooksController {
  constructor(private readonly webhooks: ProviderEventsService) {}

  @Post('stripe')
  @HttpCode(200)
  @RouteConfig({ rawBody: true, bodyLimit: MOST_BYTES })
  @ApiOperation({
    summary: 'Hear from Stripe',
    description:
      'An event, signed over its very bytes. It is written down, and looked at behind the answer; what concerns no payment is received and forgotten. Where Stripe is not in force there is no such route.',
  })
  @ApiHeader({ name: 'stripe-signature', required: false, description: '`t=<seconds>,v1=<HMAC-SHA256 of t.body>`' })
  @ApiBody({ schema: { type: 'object', additionalProperties: true, example: { id: 'evt_1' } } })
  @ApiOkResponse({ type: WebhookReceived, description: 'It is received' })
  @ApiErrors(WebhookSignatureInvalidError, RouteNotFoundError)
  async stripe(@Req() { rawBody = NOTHING, headers }: FastifyRequest): Promise<WebhookReceived> {
    await this.webhooks.receive('stripe', rawBody, headers);
    return { received: true };
  }

  @Post('simulator')
  @HttpCode(200)
  @RouteConfig({ rawBody: true, bodyLimit: MOST_BYTES })
  @ApiOperation({
    summary: 'Hear from the simulator',
    description: 'An event, signed over its very bytes. It is written down, and looked at behind the answer.',
  })
  @ApiHeader({ name: 'simulator-signature', required: false, description: '`t=<seconds>,v1=<HMAC-SHA256 of t.body>`' })
  @ApiBody({ schema: { type: 'object', additionalProperties: true, example: { id: 'evt_sim_1' } } })
  @ApiOkResponse({ type: WebhookReceived, description: 'It is written down' })
  @ApiErrors(WebhookSignatureInvalidError, RouteNotFoundError)
  async simulator(@Req() { rawBody = NOTHING, headers }: FastifyRequest): Promise<WebhookReceived> {
    await this.webhooks.receive('simulator', rawBody, headers);
    return { received: true };
  }
}
