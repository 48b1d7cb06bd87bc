import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Roles, type Principal } from '../common/access.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { IdPipe } from '../common/id.pipe.js';
import type { Reply } from '../common/reply.js';
import {
  WebhookEndpointCreate,
  WebhookEndpointMade,
  WebhookEndpointPage,
  WebhookEndpointQuery,
  WebhookEndpointResponse,
  WebhookEndpointUpdate,
} from './endpoints.dto.js';
import { WebhookEndpointNotFoundError } from './endpoints.errors.js';
import { WebhookEndpointsService } from './endpoints.service.js';

/** A malformed id is answered as an unknown one. */
const EndpointId = IdPipe((id) => new WebhookEndpointNotFoundError(id));

@ApiTags('webhook endpoints')
@Controller('webhook-endpoints')
@Roles('admin')
export class WebhookEndpointsController {
  constructor(private readonly endpoints: WebhookEndpointsService) {}

  @Get()
  @ApiOperation({ summary: 'List webhook endpoints', description: 'For admins: of the own tenant, newest first.' })
  @ApiOkResponse({ type: WebhookEndpointPage, description: 'A page of endpoints, but for their secrets' })
  async list(@CurrentUser() actor: Principal, @Query() query: WebhookEndpointQuery): Promise<WebhookEndpointPage> {
    const page = await this.endpoints.list(actor, query);
    return { ...page, data: page.data.map(WebhookEndpointResponse.from) };
  }

  @Post()
  @ApiOperation({
    summary: 'Name a webhook endpoint',
    description:
      'For admins. From now on the events of the own tenant are posted there, signed as Standard Webhooks has it (`webhook-id`, `webhook-timestamp`, `webhook-signature`): as `{type, timestamp, data}`, at least once, in any order (`data.version` of a payment tells, `data.updated_at` of a refund or a dispute), until a 2xx, for three days. Redirects are not followed; 410 disables the endpoint. At most 20 at a time.',
  })
  @ApiCreatedResponse({
    type: WebhookEndpointMade,
    description: 'The endpoint, and its secret this once',
    headers: { Location: { $ref: '#/components/headers/Location' } },
  })
  async create(
    @CurrentUser() actor: Principal,
    @Body() body: WebhookEndpointCreate,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<WebhookEndpointMade> {
    const made = await this.endpoints.create(actor, body);
    reply.header('location', `/api/v1/webhook-endpoints/${made.id}`);
    return WebhookEndpointMade.from(made);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Get a webhook endpoint', description: 'For admins.' })
  @ApiOkResponse({ type: WebhookEndpointResponse, description: 'The endpoint, but for its secret' })
  @ApiErrors(WebhookEndpointNotFoundError)
  async get(@CurrentUser() actor: Principal, @Param('id', EndpointId) id: string): Promise<WebhookEndpointResponse> {
    return WebhookEndpointResponse.from(await this.endpoints.get(actor, id));
  }

  @Patch(':id')
  @ApiOperation({
    summary: 'Change a webhook endpoint',
    description: 'For admins. Fields that are left out stay as they are. What waits goes to the new address.',
  })
  @ApiOkResponse({ type: WebhookEndpointResponse, description: 'The endpoint after the change' })
  @ApiErrors(WebhookEndpointNotFoundError)
  async update(
    @CurrentUser() actor: Principal,
    @Param('id', EndpointId) id: string,
    @Body() body: WebhookEndpointUpdate,
  ): Promise<WebhookEndpointResponse> {
    return WebhookEndpointResponse.from(await this.endpoints.update(actor, id, body));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Remove a webhook endpoint', description: 'For admins. What waits for it is not sent.' })
  @ApiNoContentResponse({ description: 'The endpoint is gone' })
  @ApiErrors(WebhookEndpointNotFoundError)
  async delete(@CurrentUser() actor: Principal, @Param('id', EndpointId) id: string): Promise<void> {
    await this.endpoints.delete(actor, id);
  }

  @Post(':id/rotate-secret')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Exchange the secret of a webhook endpoint',
    description:
      'For admins. For 24 hours each delivery has two signatures, by the new secret and by the one before it, so that a receiver can change over at any moment. Two at most are good at once.',
  })
  @ApiOkResponse({ type: WebhookEndpointMade, description: 'The endpoint, and its new secret this once' })
  @ApiErrors(WebhookEndpointNotFoundError)
  async rotate(@CurrentUser() actor: Principal, @Param('id', EndpointId) id: string): Promise<WebhookEndpointMade> {
    return WebhookEndpointMade.from(await this.endpoints.rotate(actor, id));
  }
}
