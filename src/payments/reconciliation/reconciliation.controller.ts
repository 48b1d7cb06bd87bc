import { Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Roles, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { RateLimit } from '../../limits/rate-limit.decorator.js';
import { ProviderMisconfiguredError } from '../payments.errors.js';
import {
  ReconciliationItemList,
  ReconciliationItemResponse,
  ReconciliationItemsQuery,
  ReconciliationRunResponse,
} from './reconciliation.dto.js';
import { ReconciliationService } from './reconciliation.service.js';

@ApiTags('ledger')
@Controller('reconciliation')
@Roles('admin')
export class ReconciliationController {
  constructor(private readonly reconciliation: ReconciliationService) {}

  @Get('items')
  @ApiOperation({
    summary: 'List what does not agree',
    description:
      'Where the provider has something else than we have, where the books break a rule, and what is about to run out; ' +
      'newest first. For admins: of the own tenant. A platform admin who names none gets what is of no tenant as well.',
  })
  @ApiOkResponse({ type: ReconciliationItemList, description: 'A part of the list' })
  async list(
    @CurrentUser() actor: Principal,
    @Query() query: ReconciliationItemsQuery,
  ): Promise<ReconciliationItemList> {
    const { data, has_more } = await this.reconciliation.list(actor, query);
    return { data: data.map(ReconciliationItemResponse.from), has_more };
  }

  @Post('runs')
  @HttpCode(202)
  @Roles('platform_admin')
  @RateLimit('payments')
  @ApiOperation({
    summary: 'Compare with the provider now',
    description: 'The last two days, as it is done every night. Where one waits to be begun, it is that one.',
  })
  @ApiAcceptedResponse({ type: ReconciliationRunResponse, description: 'It will be done' })
  @ApiErrors(ProviderMisconfiguredError)
  run(): Promise<ReconciliationRunResponse> {
    return this.reconciliation.request();
  }
}
