import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Roles, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { WebhookEndpointNotFoundError } from '../endpoints.errors.js';
import { WebhookDeliveryList, WebhookDeliveryQuery, WebhookDeliveryResponse } from './deliveries.dto.js';
import { WebhookDeliveryNotFoundError } from './deliveries.errors.js';
import { WebhookDeliveriesService } from './deliveries.service.js';

/** A malformed id is answered as an unknown one. */
const EndpointId = IdPipe((id) => new WebhookEndpointNotFoundError(id));
const DeliveryId = IdPipe((id) => new WebhookDeliveryNotFoundError(id));

@ApiTags('webhook endpoints')
@Controller()
@Roles('admin')
export class WebhookDeliveriesController {
  constructor(private readonly deliveries: WebhookDeliveriesService) {}

  @Get('webhook-endpoints/:id/deliveries')
  @ApiOperation({
    summary: 'List the deliveries of a webhook endpoint',
    description: 'For admins. Newest first; they are kept for 30 days.',
  })
  @ApiOkResponse({ type: WebhookDeliveryList, description: 'What was sent there, and what waits' })
  @ApiErrors(WebhookEndpointNotFoundError)
  async list(
    @CurrentUser() actor: Principal,
    @Param('id', EndpointId) id: string,
    @Query() query: WebhookDeliveryQuery,
  ): Promise<WebhookDeliveryList> {
    const { data, has_more } = await this.deliveries.list(actor, id, query);
    return { data: data.map(WebhookDeliveryResponse.from), has_more };
  }

  @Post('webhook-deliveries/:id/resend')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Send a webhook again',
    description:
      'For admins. Under the `webhook-id` and with the very body of the first time, whatever became of it, and until a 2xx as then. To a disabled endpoint it goes once that is enabled.',
  })
  @ApiAcceptedResponse({ type: WebhookDeliveryResponse, description: 'It is on its way' })
  @ApiErrors(WebhookDeliveryNotFoundError)
  async resend(@CurrentUser() actor: Principal, @Param('id', DeliveryId) id: string): Promise<WebhookDeliveryResponse> {
    return WebhookDeliveryResponse.from(await this.deliveries.resend(actor, id));
  }
}
