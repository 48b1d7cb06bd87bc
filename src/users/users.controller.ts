import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Permissions, Public, RecentLogin, Roles, type Principal } from '../common/access.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { IdPipe } from '../common/id.pipe.js';
import type { Reply } from '../common/reply.js';
import { RateLimit } from '../limits/rate-limit.decorator.js';
import { LastAdminError } from '../tenants/tenants.errors.js';
import { ProfileUpdate, UserCreate, UserPage, UserQuery, UserResponse, UserUpdate } from './users.dto.js';
import {
  EmailTakenError,
  InsufficientPermissionsError,
  OverloadedError,
  PasswordTooCommonError,
  UsernameTakenError,
  UserNotFoundError,
} from './users.errors.js';
import { Profiles } from './profiles/profiles.js';
import { UsersService } from './users.service.js';

/** A malformed id is answered as an unknown one. */
const UserId = IdPipe((id) => new UserNotFoundError(id));

@ApiTags('users')
@Controller('users')
export class UsersController {
  constructor(
    private readonly users: UsersService,
    private readonly profiles: Profiles,
  ) {}

  @Get()
  @Roles('admin')
  @Permissions('users:read')
  @ApiOperation({
    summary: 'List all users',
    description: 'Retrieve a paginated list of users. For admins: of the own tenant.',
  })
  @ApiOkResponse({ type: UserPage, description: 'A page of users' })
  async list(@CurrentUser() actor: Principal, @Query() query: UserQuery): Promise<UserPage> {
    const page = await this.users.list(actor, query);
    return { ...page, data: page.data.map(UserResponse.from) };
  }

  @Post()
  @Public()
  @RateLimit('sign-up')
  @ApiOperation({ summary: 'Create a new user', description: 'Create a new user account with email and password' })
  @ApiCreatedResponse({
    type: UserResponse,
    description: 'User created successfully',
    headers: { Location: { $ref: '#/components/headers/Location' } },
  })
  @ApiErrors(EmailTakenError, UsernameTakenError, InsufficientPermissionsError, PasswordTooCommonError, OverloadedError)
  async create(
    @CurrentUser() actor: Principal | undefined,
    @Body() body: UserCreate,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<UserResponse> {
    const user = await this.users.create(body, actor);
    reply.header('location', `/api/v1/users/${user.id}`);
    return UserResponse.from(user);
  }

  @Get('me')
  @ApiOperation({ summary: 'Get the own account', description: 'Whoever the access token names.' })
  @ApiOkResponse({ type: UserResponse, description: 'The own account' })
  getOwn(@CurrentUser() actor: Principal): Promise<UserResponse> {
    return this.profiles.get(actor, actor.id);
  }

  @Patch('me')
  @ApiOperation({ summary: 'Change the own profile', description: 'Fields that are left out stay as they are.' })
  @ApiOkResponse({ type: UserResponse, description: 'The account after the change' })
  @ApiErrors(UsernameTakenError)
  async updateOwn(@CurrentUser() actor: Principal, @Body() body: ProfileUpdate): Promise<UserResponse> {
    return UserResponse.from(await this.users.updateProfile(actor, body));
  }

  @Delete('me')
  @HttpCode(204)
  @RecentLogin()
  @ApiOperation({
    summary: 'Delete the own account',
    description: 'For good, with all personal data. Wants a recent login.',
  })
  @ApiNoContentResponse({ description: 'The account is gone' })
  @ApiErrors(LastAdminError)
  async deleteOwn(@CurrentUser() actor: Principal): Promise<void> {
    await this.users.deleteOwn(actor);
  }

  @Get(':id')
  @Permissions('users:read')
  @ApiOperation({ summary: 'Get user by ID', description: 'The own account; for admins any of the tenant.' })
  @ApiOkResponse({ type: UserResponse, description: 'The user' })
  @ApiErrors(UserNotFoundError)
  get(@CurrentUser() actor: Principal, @Param('id', UserId) id: string): Promise<UserResponse> {
    return this.profiles.get(actor, id);
  }

  @Patch(':id')
  @ApiOperation({
    summary: 'Change a user',
    description: 'Fields that are left out stay as they are. E-mail, role and status are for admins to change.',
  })
  @ApiOkResponse({ type: UserResponse, description: 'The user after the change' })
  @ApiErrors(UserNotFoundError, InsufficientPermissionsError, EmailTakenError, UsernameTakenError, LastAdminError)
  async update(
    @CurrentUser() actor: Principal,
    @Param('id', UserId) id: string,
    @Body() body: UserUpdate,
  ): Promise<UserResponse> {
    return UserResponse.from(await this.users.update(actor, id, body));
  }

  @Delete(':id')
  @HttpCode(204)
  @Roles('admin')
  @ApiOperation({ summary: 'Delete a user', description: 'For good, with all personal data. Not the own account.' })
  @ApiNoContentResponse({ description: 'The user is gone' })
  @ApiErrors(UserNotFoundError, LastAdminError)
  async delete(@CurrentUser() actor: Principal, @Param('id', UserId) id: string): Promise<void> {
    await this.users.delete(actor, id);
  }
}
