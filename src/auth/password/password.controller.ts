import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Public, type SessionPrincipal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { TokenInvalidError } from '../../common/one-time-token.js';
import { OverloadedError, PasswordTooCommonError } from '../../users/users.errors.js';
import { InvalidCredentialsError, InvalidMfaCodeError } from '../auth.errors.js';
import { RecoveryService } from '../recovery/recovery.service.js';
import { PasswordChangeService } from './password-change.service.js';
import { PasswordResetService } from './password-reset.service.js';
import { PasswordChange, PasswordForgot, PasswordReset } from './password.dto.js';

@ApiTags('auth')
@Controller('auth/password')
export class PasswordController {
  constructor(
    private readonly recovery: RecoveryService,
    private readonly passwordReset: PasswordResetService,
    private readonly passwordChange: PasswordChangeService,
  ) {}

  @Post('forgot')
  @HttpCode(202)
  @Public()
  @ApiOperation({
    summary: 'Mail a link to choose a new password',
    description: 'An older link is void. Says the same of any address.',
  })
  @ApiAcceptedResponse({ description: 'If there is such an account, a mail is on its way' })
  async forgot(@Body() { email }: PasswordForgot): Promise<void> {
    await this.recovery.request('password_reset', email);
  }

  @Post('reset')
  @HttpCode(204)
  @Public()
  @ApiOperation({
    summary: 'Choose a new password',
    description:
      'With the token of the mailed link, good for half an hour. Ends all sessions and logs nobody in; a second factor ' +
      'stays, and the address counts as verified.',
  })
  @ApiNoContentResponse({ description: 'The password is set' })
  @ApiErrors(TokenInvalidError, PasswordTooCommonError, OverloadedError)
  async reset(@Body() body: PasswordReset): Promise<void> {
    await this.passwordReset.reset(body);
  }

  @Post('change')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Change the own password',
    description: 'Ends all other sessions; the owner is told by mail.',
  })
  @ApiNoContentResponse({ description: 'The password is changed' })
  @ApiErrors(InvalidCredentialsError, InvalidMfaCodeError, PasswordTooCommonError, OverloadedError)
  async change(@CurrentUser() actor: SessionPrincipal, @Body() body: PasswordChange): Promise<void> {
    await this.passwordChange.change(actor, body);
  }
}
