import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Permissions, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { DisputeList, DisputeQuery, DisputeResponse } from './disputes.dto.js';
import { DisputeNotFoundError } from './disputes.errors.js';
import { DisputesService } from './disputes.service.js';

const DisputeId = IdPipe((id) => new DisputeNotFoundError(id));

@ApiTags('disputes')
@Controller('disputes')
@Permissions('payments:read')
export class DisputesController {
  constructor(private readonly disputes: DisputesService) {}

  @Get()
  @ApiOperation({
    summary: 'List disputes',
    description: "Newest first: of your own payments; for admins of the tenant's.",
  })
  @ApiOkResponse({ type: DisputeList, description: 'A part of the list' })
  async list(@CurrentUser() actor: Principal, @Query() query: DisputeQuery): Promise<DisputeList> {
    const { data, has_more } = await this.disputes.list(actor, query);
    return { data: data.map(DisputeResponse.from), has_more };
  }

  @Get(':id')
  @ApiOperation({ summary: 'Get a dispute', description: "Of a payment of your own; for admins any of the tenant's." })
  @ApiOkResponse({ type: DisputeResponse, description: 'The dispute' })
  @ApiErrors(DisputeNotFoundError)
  async get(@CurrentUser() actor: Principal, @Param('id', DisputeId) id: string): Promise<DisputeResponse> {
    return DisputeResponse.from(await this.disputes.get(actor, id));
  }
}
