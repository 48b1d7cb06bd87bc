import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Public, type SessionPrincipal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { TokenInvalidError } from '../../common/one-time-token.js';
import { EmailTakenError, OverloadedError } from '../../users/users.errors.js';
import { InvalidCredentialsError, InvalidMfaCodeError } from '../auth.errors.js';
import { RecoveryService } from '../recovery/recovery.service.js';
import { AddressChangeService } from './address-change.service.js';
import { EmailChange, EmailResend, EmailVerify } from './email.dto.js';
import { EmailService } from './email.service.js';

@ApiTags('auth')
@Controller('auth/email')
export class EmailController {
  constructor(
    private readonly emails: EmailService,
    private readonly addressChange: AddressChangeService,
    private readonly recovery: RecoveryService,
  ) {}

  @Post('verify')
  @HttpCode(204)
  @Public()
  @ApiOperation({
    summary: 'Verify an e-mail address',
    description:
      'With the token of the mailed link, good for a day. Where the link was sent to a new address, that takes the place ' +
      'of the old one: all sessions end, and both addresses are told. 409 when somebody else has it by now.',
  })
  @ApiNoContentResponse({ description: 'The address is verified' })
  @ApiErrors(TokenInvalidError, EmailTakenError)
  async verify(@Body() { token }: EmailVerify): Promise<void> {
    await this.emails.verify(token);
  }

  @Post('resend')
  @HttpCode(202)
  @Public()
  @ApiOperation({
    summary: 'Mail the verification link again',
    description:
      'To an account whose address is not verified yet; the older link is void. Says the same of any address.',
  })
  @ApiAcceptedResponse({ description: 'If there is such an account, a mail is on its way' })
  async resend(@Body() { email }: EmailResend): Promise<void> {
    await this.recovery.request('email_verification', email);
  }

  @Post('change')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Change the own e-mail address',
    description:
      'Mails a link to the new address; the change happens when that is opened. A newer request takes the place of an ' +
      'older, and a changed password ends it. Says the same whether or not somebody has the address.',
  })
  @ApiAcceptedResponse({ description: 'A mail is on its way to the new address' })
  @ApiErrors(InvalidCredentialsError, InvalidMfaCodeError, OverloadedError)
  async change(@CurrentUser() actor: SessionPrincipal, @Body() body: EmailChange): Promise<void> {
    await this.addressChange.request(actor, body);
  }
}
