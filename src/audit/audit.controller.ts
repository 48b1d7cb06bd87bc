import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Roles, type Principal } from '../common/access.js';
import { AuditEventPage, AuditEventResponse, AuditQuery } from './audit.dto.js';
import { AuditService } from './audit.service.js';

@ApiTags('audit')
@Controller('audit-events')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  @Roles('admin')
  @ApiOperation({
    summary: 'Read the audit trail',
    description: 'Who did what to whom, newest first. For admins: of the own tenant.',
  })
  @ApiOkResponse({ type: AuditEventPage, description: 'A part of the trail' })
  async list(@CurrentUser() actor: Principal, @Query() query: AuditQuery): Promise<AuditEventPage> {
    const { data, has_more } = await this.audit.list(actor, query);
    return { data: data.map((event) => AuditEventResponse.from(event)), has_more };
  }
}
