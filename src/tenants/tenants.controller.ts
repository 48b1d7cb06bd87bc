import { Body, Controller, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Roles, type Principal } from '../common/access.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { IdPipe } from '../common/id.pipe.js';
import type { Reply } from '../common/reply.js';
import { TenantCreate, TenantPage, TenantQuery, TenantResponse, TenantUpdate } from './tenants.dto.js';
import { LastAdminError, TenantNameTakenError, TenantNotFoundError } from './tenants.errors.js';
import { TenantsService } from './tenants.service.js';

/** A malformed id is answered as an unknown one. */
const TenantId = IdPipe((id) => new TenantNotFoundError(id));

@ApiTags('tenants')
@Controller('tenants')
@Roles('platform_admin')
export class TenantsController {
  constructor(private readonly tenants: TenantsService) {}

  @Get()
  @ApiOperation({ summary: 'List all tenants', description: 'For platform admins. Newest first.' })
  @ApiOkResponse({ type: TenantPage, description: 'A page of tenants' })
  async list(@Query() query: TenantQuery): Promise<TenantPage> {
    const page = await this.tenants.list(query);
    return { ...page, data: page.data.map(TenantResponse.from) };
  }

  @Post()
  @ApiOperation({
    summary: 'Create a tenant',
    description: 'For platform admins. Nobody is in it yet: its first admin is invited (`POST /api/v1/invitations`).',
  })
  @ApiCreatedResponse({
    type: TenantResponse,
    description: 'The tenant was made',
    headers: { Location: { $ref: '#/components/headers/Location' } },
  })
  @ApiErrors(TenantNameTakenError)
  async create(
    @CurrentUser() actor: Principal,
    @Body() body: TenantCreate,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<TenantResponse> {
    const tenant = await this.tenants.create(actor, body);
    reply.header('location', `/api/v1/tenants/${tenant.id}`);
    return TenantResponse.from(tenant);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Get a tenant', description: 'For platform admins.' })
  @ApiOkResponse({ type: TenantResponse, description: 'The tenant' })
  @ApiErrors(TenantNotFoundError)
  async get(@Param('id', TenantId) id: string): Promise<TenantResponse> {
    return TenantResponse.from(await this.tenants.get(id));
  }

  @Patch(':id')
  @ApiOperation({
    summary: 'Change a tenant',
    description:
      'For platform admins. Fields that are left out stay as they are. Users of a disabled tenant are refused from the next request on.',
  })
  @ApiOkResponse({ type: TenantResponse, description: 'The tenant after the change' })
  @ApiErrors(TenantNotFoundError, TenantNameTakenError, LastAdminError)
  async update(
    @CurrentUser() actor: Principal,
    @Param('id', TenantId) id: string,
    @Body() body: TenantUpdate,
  ): Promise<TenantResponse> {
    return TenantResponse.from(await this.tenants.update(actor, id, body));
  }
}
