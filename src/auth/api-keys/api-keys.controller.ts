import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, RecentLogin, VerifiedEmail, type SessionPrincipal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { ApiKeyCreate, ApiKeyCreated, ApiKeyList, ApiKeyResponse, ApiKeyRotate } from './api-keys.dto.js';
import { ApiKeyNotFoundError } from './api-keys.errors.js';
import { ApiKeysService } from './api-keys.service.js';

/** A malformed id is answered as an unknown one. */
const ApiKeyId = IdPipe(() => new ApiKeyNotFoundError());

@ApiTags('auth')
@Controller('auth/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Post()
  @RecentLogin()
  @VerifiedEmail()
  @ApiOperation({
    summary: 'Make an API key',
    description:
      'For a program: it sends the key in place of an access token, and may what the scopes say, as far as you may it yourself. The key is shown this once. At most 100 at a time.',
  })
  @ApiCreatedResponse({ type: ApiKeyCreated, description: 'The key' })
  async create(@CurrentUser() actor: SessionPrincipal, @Body() body: ApiKeyCreate): Promise<ApiKeyCreated> {
    return ApiKeyCreated.from(await this.keys.create(actor, body));
  }

  @Get()
  @ApiOperation({ summary: 'List the own API keys', description: 'Newest first, without those that are over.' })
  @ApiOkResponse({ type: ApiKeyList, description: 'The keys, but for their secrets' })
  async list(@CurrentUser() actor: SessionPrincipal): Promise<ApiKeyList> {
    return { data: (await this.keys.list(actor)).map((key) => ApiKeyResponse.from(key)) };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke one of the own API keys', description: 'It is refused from the next request on.' })
  @ApiNoContentResponse({ description: 'The key is gone' })
  @ApiErrors(ApiKeyNotFoundError)
  async delete(@CurrentUser() actor: SessionPrincipal, @Param('id', ApiKeyId) id: string): Promise<void> {
    await this.keys.delete(actor, id);
  }

  @Post(':id/rotate')
  @RecentLogin()
  @VerifiedEmail()
  @ApiOperation({
    summary: 'Exchange one of the own API keys',
    description:
      'The new key has the id, name, scopes and expiry of the old one, which goes on for `overlap_seconds`. Two at most are good at once: a second exchange ends the first of three.',
  })
  @ApiCreatedResponse({ type: ApiKeyCreated, description: 'The new key' })
  @ApiErrors(ApiKeyNotFoundError)
  async rotate(
    @CurrentUser() actor: SessionPrincipal,
    @Param('id', ApiKeyId) id: string,
    @Body() body: ApiKeyRotate,
  ): Promise<ApiKeyCreated> {
    return ApiKeyCreated.from(await this.keys.rotate(actor, id, body));
  }
}
