import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Roles, type SessionPrincipal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { OverloadedError, UserNotFoundError } from '../../users/users.errors.js';
import {
  EmailNotVerifiedError,
  InvalidCredentialsError,
  InvalidMfaCodeError,
  MfaAlreadyEnabledError,
} from '../auth.errors.js';
import { Enrolment } from './enrolment.js';
import { MfaProof, RecoveryCodesResponse, TotpConfirmation, TotpRequest, TotpResponse } from './mfa.dto.js';
import { MfaResetService } from './mfa-reset.service.js';
import { MfaService } from './mfa.service.js';

@ApiTags('auth')
@Controller('auth/mfa')
export class MfaController {
  constructor(
    private readonly enrolment: Enrolment,
    private readonly mfa: MfaService,
  ) {}

  @Post('totp')
  @ApiOperation({
    summary: 'Begin with a second factor',
    description:
      'Hands out a secret for an authenticator app (RFC 6238: SHA-1, 6 digits, 30 s), good for an hour. Wants a verified ' +
      'address. Nothing changes before the first code confirms it.',
  })
  @ApiCreatedResponse({ type: TotpResponse, description: 'A secret, shown this once' })
  @ApiErrors(InvalidCredentialsError, EmailNotVerifiedError, MfaAlreadyEnabledError, OverloadedError)
  begin(@CurrentUser() actor: SessionPrincipal, @Body() { password }: TotpRequest): Promise<TotpResponse> {
    return this.enrolment.begin(actor, password);
  }

  @Post('totp/confirm')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Turn the second factor on',
    description: 'By the first code. All other sessions end, and the owner gets a mail.',
  })
  @ApiOkResponse({ type: RecoveryCodesResponse, description: 'It is on' })
  @ApiErrors(InvalidMfaCodeError, MfaAlreadyEnabledError)
  async confirm(
    @CurrentUser() actor: SessionPrincipal,
    @Body() { code }: TotpConfirmation,
  ): Promise<RecoveryCodesResponse> {
    return { recovery_codes: await this.enrolment.confirm(actor, code) };
  }

  @Post('totp/disable')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Turn the second factor off',
    description: 'All other sessions end, and the owner gets a mail.',
  })
  @ApiNoContentResponse({ description: 'It is off' })
  @ApiErrors(InvalidCredentialsError, InvalidMfaCodeError, OverloadedError)
  async disable(@CurrentUser() actor: SessionPrincipal, @Body() proof: MfaProof): Promise<void> {
    await this.mfa.disable(actor, proof);
  }

  @Post('recovery-codes')
  @HttpCode(200)
  @ApiOperation({ summary: 'Make new recovery codes', description: 'The old ones are void.' })
  @ApiOkResponse({ type: RecoveryCodesResponse, description: 'The new ones' })
  @ApiErrors(InvalidCredentialsError, InvalidMfaCodeError, OverloadedError)
  async renew(@CurrentUser() actor: SessionPrincipal, @Body() proof: MfaProof): Promise<RecoveryCodesResponse> {
    return { recovery_codes: await this.mfa.renewRecoveryCodes(actor, proof) };
  }
}

/** A malformed id is answered as an unknown one. */
const UserId = IdPipe((id) => new UserNotFoundError(id));

@ApiTags('users')
@Controller('users')
export class MfaResetController {
  constructor(private readonly resets: MfaResetService) {}

  @Post(':id/mfa/reset')
  @HttpCode(204)
  @Roles('admin')
  @ApiOperation({
    summary: 'Turn off the second factor of a user who has lost it',
    description: 'All sessions of the user end, and the owner gets a mail. Not on the own account.',
  })
  @ApiNoContentResponse({ description: 'There is none any more' })
  @ApiErrors(UserNotFoundError)
  async reset(@CurrentUser() actor: SessionPrincipal, @Param('id', UserId) id: string): Promise<void> {
    await this.resets.reset(actor, id);
  }
}
