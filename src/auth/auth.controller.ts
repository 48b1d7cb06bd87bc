import { Body, Controller, Headers, HttpCode, Ip, Post, Res } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { CurrentUser, Public, type SessionPrincipal } from '../common/access.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { OverloadedError } from '../users/users.errors.js';
import {
  LoginRequest,
  MfaLoginRequest,
  MfaRequiredResponse,
  ReauthRequest,
  SET_COOKIE,
  TokenResponse,
} from './auth.dto.js';
import { EmailNotVerifiedError, InvalidCredentialsError, InvalidMfaCodeError } from './auth.errors.js';
import { AuthService } from './auth.service.js';
import { ChallengesService } from './challenges/challenges.service.js';
import { Reauthentication } from './reauthentication.js';
import type { CookieJar } from './sessions/refresh-cookie.js';
import { TokenAnswers } from './sessions/token-answers.js';

@ApiTags('auth')
@Controller('auth')
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly challenges: ChallengesService,
    private readonly reauthentication: Reauthentication,
    private readonly answers: TokenAnswers,
  ) {}

  @Post('login')
  @HttpCode(200)
  @Public('ignored')
  @ApiOperation({
    summary: 'Log in',
    description:
      'Opens a session and gives an access token and a refresh token for it. For a user with a second factor: gives ' +
      'what the second step wants beside the code, and opens nothing.',
  })
  @ApiExtraModels(TokenResponse, MfaRequiredResponse)
  @ApiOkResponse({
    description: 'Logged in, or a code is missing',
    headers: SET_COOKIE,
    schema: { oneOf: [{ $ref: getSchemaPath(TokenResponse) }, { $ref: getSchemaPath(MfaRequiredResponse) }] },
  })
  @ApiErrors(InvalidCredentialsError, EmailNotVerifiedError, OverloadedError)
  async login(
    @Body() body: LoginRequest,
    @Ip() ip: string,
    @Headers('user-agent') user_agent: string | undefined,
    @Res({ passthrough: true }) jar: CookieJar,
  ): Promise<TokenResponse | MfaRequiredResponse> {
    const opened = await this.auth.login(body, { ip, user_agent });
    return 'mfa_token' in opened ? { mfa_required: true, ...opened } : this.answers.give(opened, jar, body.cookie);
  }

  @Post('login/mfa')
  @HttpCode(200)
  @Public('ignored')
  @ApiOperation({
    summary: 'Log in: the second step',
    description:
      'Opens the session that the password alone did not. The first step is good for five minutes, five tries and one ' +
      'session, and for nothing once the account has changed.',
  })
  @ApiOkResponse({ type: TokenResponse, description: 'Logged in', headers: SET_COOKIE })
  @ApiErrors(InvalidMfaCodeError)
  async finishLogin(
    @Body() body: MfaLoginRequest,
    @Ip() ip: string,
    @Headers('user-agent') user_agent: string | undefined,
    @Res({ passthrough: true }) jar: CookieJar,
  ): Promise<TokenResponse> {
    return this.answers.give(await this.challenges.finish(body, { ip, user_agent }), jar, body.cookie);
  }

  @Post('reauth')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Prove once more who you are',
    description: 'For what wants a recent login: the session counts as just logged in. Its tokens stay.',
  })
  @ApiNoContentResponse({ description: 'Proven' })
  @ApiErrors(InvalidCredentialsError, InvalidMfaCodeError, OverloadedError)
  async reauth(@CurrentUser() actor: SessionPrincipal, @Body() proof: ReauthRequest): Promise<void> {
    await this.reauthentication.renew(actor, proof);
  }
}
