import { Body, Controller, Headers, HttpCode, Post, Res } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AcceptsRefreshCookie, CurrentUser, Public, type SessionPrincipal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { LogoutRequest, RefreshRequest, SET_COOKIE, TokenResponse } from '../auth.dto.js';
import { InvalidTokenError } from '../auth.errors.js';
import { RefreshCookie, type BrowserHeaders, type CookieJar } from './refresh-cookie.js';
import { RefreshService } from './refresh.service.js';
import { SessionsService } from './sessions.service.js';
import { TokenAnswers } from './token-answers.js';

/** The two routes that take a refresh token, and so its cookie. */
@ApiTags('auth')
@Controller('auth')
export class TokensController {
  constructor(
    private readonly refreshes: RefreshService,
    private readonly sessions: SessionsService,
    private readonly answers: TokenAnswers,
    private readonly cookie: RefreshCookie,
  ) {}

  @Post('refresh')
  @HttpCode(200)
  @Public('ignored')
  @AcceptsRefreshCookie()
  @ApiOperation({
    summary: 'Refresh the tokens',
    description:
      'Gives the next access token and the next refresh token. Repeated within ten seconds, for an answer that was lost, ' +
      'it gives the very same refresh token. A token that comes back later, or after its successor was used, has been ' +
      'copied: its session ends, and the owner gets a mail.',
  })
  @ApiOkResponse({ type: TokenResponse, description: 'The session goes on', headers: SET_COOKIE })
  @ApiErrors(InvalidTokenError)
  async refresh(
    @Body() { refresh_token }: RefreshRequest,
    @Headers() headers: BrowserHeaders,
    @Res({ passthrough: true }) jar: CookieJar,
  ): Promise<TokenResponse> {
    const { token, in_cookie } = this.cookie.choose(headers, refresh_token);
    return this.answers.give(await this.refreshes.refresh(token), jar, in_cookie);
  }

  @Post('logout')
  @HttpCode(204)
  @AcceptsRefreshCookie()
  @ApiOperation({
    summary: 'Log out',
    description:
      'Ends sessions; their tokens are refused from the next request on. By the refresh cookie too, when the access ' +
      'token is over; a cookie whose session ends is taken back.',
  })
  @ApiNoContentResponse({ description: 'Logged out', headers: SET_COOKIE })
  async logout(
    @CurrentUser() actor: SessionPrincipal,
    @Body() { scope = 'local' }: LogoutRequest,
    @Headers() headers: BrowserHeaders,
    @Res({ passthrough: true }) jar: CookieJar,
  ): Promise<void> {
    await this.sessions.logout(actor, scope);
    if (scope !== 'others') this.cookie.takeBack(headers, jar);
  }
}
