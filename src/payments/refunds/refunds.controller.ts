import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Permissions, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { RefundList, RefundQuery, RefundResponse } from './refunds.dto.js';
import { RefundNotFoundError } from './refunds.errors.js';
import { RefundsService } from './refunds.service.js';

const RefundId = IdPipe((id) => new RefundNotFoundError(id));

@ApiTags('refunds')
@Controller('refunds')
@Permissions('payments:read')
export class RefundsController {
  constructor(private readonly refunds: RefundsService) {}

  @Get()
  @ApiOperation({
    summary: 'List refunds',
    description: "Newest first: of your own payments; for admins of the tenant's.",
  })
  @ApiOkResponse({ type: RefundList, description: 'A part of the list' })
  async list(@CurrentUser() actor: Principal, @Query() query: RefundQuery): Promise<RefundList> {
    const { data, has_more } = await this.refunds.list(actor, query);
    return { data: data.map(RefundResponse.from), has_more };
  }

  @Get(':id')
  @ApiOperation({ summary: 'Get a refund', description: "Of a payment of your own; for admins any of the tenant's." })
  @ApiOkResponse({ type: RefundResponse, description: 'The refund' })
  @ApiErrors(RefundNotFoundError)
  async get(@CurrentUser() actor: Principal, @Param('id', RefundId) id: string): Promise<RefundResponse> {
    return RefundResponse.from(await this.refunds.get(actor, id));
  }
}
