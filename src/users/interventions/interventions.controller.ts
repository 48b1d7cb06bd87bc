import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Roles, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { UserNotFoundError } from '../users.errors.js';
import { InterventionsService } from './interventions.service.js';

/** A malformed id is answered as an unknown one. */
const UserId = IdPipe((id) => new UserNotFoundError(id));

@ApiTags('users')
@Controller('users/:id')
@Roles('admin')
export class InterventionsController {
  constructor(private readonly interventions: InterventionsService) {}

  @Post('logout')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Log a user out everywhere',
    description: 'Ends all sessions of the user. API keys go on: disabling the user stops those too.',
  })
  @ApiNoContentResponse({ description: 'The user has no session' })
  @ApiErrors(UserNotFoundError)
  async logOut(@CurrentUser() actor: Principal, @Param('id', UserId) id: string): Promise<void> {
    await this.interventions.logOut(actor, id);
  }

  @Post('unlock')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Let a user try to log in again',
    description: 'Forgives failed logins and codes. What an address has tried stays counted against the address.',
  })
  @ApiNoContentResponse({ description: 'Nothing is held against the account' })
  @ApiErrors(UserNotFoundError)
  async unlock(@CurrentUser() actor: Principal, @Param('id', UserId) id: string): Promise<void> {
    await this.interventions.unlock(actor, id);
  }
}
