import { Controller, Delete, Get, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, type SessionPrincipal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { SessionNotFoundError } from '../auth.errors.js';
import { SessionList, SessionResponse } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';

/** A malformed id is answered as an unknown one. */
const SessionId = IdPipe(() => new SessionNotFoundError());

@ApiTags('auth')
@Controller('auth/sessions')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  @ApiOperation({ summary: 'List the own sessions', description: 'Newest first.' })
  @ApiOkResponse({ type: SessionList, description: 'The sessions that have not ended' })
  async list(@CurrentUser() actor: SessionPrincipal): Promise<SessionList> {
    const sessions = await this.sessions.list(actor);
    return { data: sessions.map((session) => SessionResponse.from(session, actor.session_id)) };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'End one of the own sessions', description: 'The current one too.' })
  @ApiNoContentResponse({ description: 'The session has ended' })
  @ApiErrors(SessionNotFoundError)
  async end(@CurrentUser() actor: SessionPrincipal, @Param('id', SessionId) id: string): Promise<void> {
    await this.sessions.end(actor, id);
  }
}
