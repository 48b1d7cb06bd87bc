import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Permissions, Roles, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import type { Reply } from '../../common/reply.js';
import { RateLimit } from '../../limits/rate-limit.decorator.js';
import { Idempotent } from '../idempotency/idempotent.decorator.js';
import { AmountNotRepresentableError } from '../money/money.errors.js';
import {
  CardDataForbiddenError,
  PaymentNotFoundError,
  PaymentStateConflictError,
  ProviderMisconfiguredError,
} from '../payments.errors.js';
import { PaymentRefundsQuery, RefundCreate, RefundList, RefundResponse } from './refunds.dto.js';
import { DisputeOpenError, RefundExceedsCapturedError } from './refunds.errors.js';
import { RefundsService } from './refunds.service.js';

const PaymentId = IdPipe((id) => new PaymentNotFoundError(id));

@ApiTags('refunds')
@Controller('payments')
export class PaymentRefundsController {
  constructor(private readonly refunds: RefundsService) {}

  @Post(':id/refunds')
  @Roles('admin')
  @Permissions('payments:write')
  @RateLimit('payments')
  @Idempotent()
  @ApiOperation({
    summary: 'Give money back',
    description:
      'All that is left of what was captured, or a part of it. For admins. A provider that has not answered after 8 ' +
      'seconds leaves the refund `pending`, and it is finished behind the answer; one that has succeeded can fail still, ' +
      'when the payer’s bank returns it.',
  })
  @ApiCreatedResponse({
    type: RefundResponse,
    description: 'How the refund stands',
    headers: { Location: { $ref: '#/components/headers/Location' } },
  })
  @ApiErrors(
    PaymentNotFoundError,
    PaymentStateConflictError,
    DisputeOpenError,
    RefundExceedsCapturedError,
    AmountNotRepresentableError,
    CardDataForbiddenError,
    ProviderMisconfiguredError,
  )
  async create(
    @CurrentUser() actor: Principal,
    @Param('id', PaymentId) id: string,
    @Body() body: RefundCreate,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<RefundResponse> {
    const refund = await this.refunds.create(actor, id, body);
    reply.header('location', `/api/v1/refunds/${refund.id}`);
    return RefundResponse.from(refund);
  }

  @Get(':id/refunds')
  @Permissions('payments:read')
  @ApiOperation({ summary: 'List the refunds of a payment', description: 'Newest first.' })
  @ApiOkResponse({ type: RefundList, description: 'A part of the list' })
  @ApiErrors(PaymentNotFoundError)
  async list(
    @CurrentUser() actor: Principal,
    @Param('id', PaymentId) id: string,
    @Query() page: PaymentRefundsQuery,
  ): Promise<RefundList> {
    const { data, has_more } = await this.refunds.listOf(actor, id, page);
    return { data: data.map(RefundResponse.from), has_more };
  }
}
