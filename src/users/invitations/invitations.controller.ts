import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Public, Roles, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { TokenInvalidError } from '../../common/one-time-token.js';
import type { Reply } from '../../common/reply.js';
import { RateLimit } from '../../limits/rate-limit.decorator.js';
import { TenantNotFoundError } from '../../tenants/tenants.errors.js';
import { UserResponse } from '../users.dto.js';
import { EmailTakenError, OverloadedError, PasswordTooCommonError, UsernameTakenError } from '../users.errors.js';
import { Acceptance } from './acceptance.js';
import {
  InvitationAccept,
  InvitationCreate,
  InvitationPage,
  InvitationQuery,
  InvitationResponse,
} from './invitations.dto.js';
import { InvitationNotFoundError } from './invitations.errors.js';
import { InvitationsService } from './invitations.service.js';

/** A malformed id is answered as an unknown one. */
const InvitationId = IdPipe((id) => new InvitationNotFoundError(id));

@ApiTags('invitations')
@Controller('invitations')
export class InvitationsController {
  constructor(
    private readonly invitations: InvitationsService,
    private readonly acceptance: Acceptance,
  ) {}

  @Get()
  @Roles('admin')
  @ApiOperation({
    summary: 'List invitations',
    description: 'For admins: of the own tenant, newest first. They are kept until 30 days after they expire.',
  })
  @ApiOkResponse({ type: InvitationPage, description: 'A page of invitations' })
  async list(@CurrentUser() actor: Principal, @Query() query: InvitationQuery): Promise<InvitationPage> {
    const page = await this.invitations.list(actor, query);
    return { ...page, data: page.data.map(InvitationResponse.from) };
  }

  @Post()
  @Roles('admin')
  @ApiOperation({
    summary: 'Invite somebody',
    description:
      'For admins: into the own tenant. Mails a link that is good for seven days and one account; an earlier one to the same address is void.',
  })
  @ApiCreatedResponse({ type: InvitationResponse, description: 'The mail is on its way' })
  @ApiErrors(TenantNotFoundError, EmailTakenError)
  async create(@CurrentUser() actor: Principal, @Body() body: InvitationCreate): Promise<InvitationResponse> {
    return InvitationResponse.from(await this.invitations.create(actor, body));
  }

  @Delete(':id')
  @HttpCode(204)
  @Roles('admin')
  @ApiOperation({ summary: 'Take an invitation back', description: 'One that is still pending; the link is void.' })
  @ApiNoContentResponse({ description: 'The invitation is revoked' })
  @ApiErrors(InvitationNotFoundError)
  async revoke(@CurrentUser() actor: Principal, @Param('id', InvitationId) id: string): Promise<void> {
    await this.invitations.revoke(actor, id);
  }

  @Post('accept')
  @Public()
  @RateLimit('sign-up')
  @ApiOperation({
    summary: 'Accept an invitation',
    description:
      'Makes the account that the mail promised, in its tenant and role. The address needs no other verification.',
  })
  @ApiCreatedResponse({
    type: UserResponse,
    description: 'User created successfully',
    headers: { Location: { $ref: '#/components/headers/Location' } },
  })
  @ApiErrors(TokenInvalidError, EmailTakenError, UsernameTakenError, PasswordTooCommonError, OverloadedError)
  async accept(@Body() body: InvitationAccept, @Res({ passthrough: true }) reply: Reply): Promise<UserResponse> {
    const user = await this.acceptance.accept(body);
    reply.header('location', `/api/v1/users/${user.id}`);
    return UserResponse.from(user);
  }
}
