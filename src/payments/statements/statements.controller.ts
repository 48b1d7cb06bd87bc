import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Permissions, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { PaymentNotFoundError } from '../payments.errors.js';
import { PaymentStatement } from './payment-statement.js';
import { Entries, EntryResponse, Timeline } from './statements.dto.js';

const PaymentId = IdPipe((id) => new PaymentNotFoundError(id));

@ApiTags('payments')
@Controller('payments')
@Permissions('payments:read')
export class StatementsController {
  constructor(private readonly statement: PaymentStatement) {}

  @Get(':id/timeline')
  @ApiOperation({
    summary: 'Get what happened to a payment',
    description: 'Its steps, tries, refunds and disputes, and what was asked of the provider; the oldest first.',
  })
  @ApiOkResponse({ type: Timeline, description: 'The timeline' })
  @ApiErrors(PaymentNotFoundError)
  async timeline(@CurrentUser() actor: Principal, @Param('id', PaymentId) id: string): Promise<Timeline> {
    return { data: await this.statement.timeline(actor, id) };
  }

  @Get(':id/ledger')
  @ApiOperation({ summary: 'Get what a payment put into the books', description: 'Debits and credits balance.' })
  @ApiOkResponse({ type: Entries, description: 'The entries' })
  @ApiErrors(PaymentNotFoundError)
  async ledger(@CurrentUser() actor: Principal, @Param('id', PaymentId) id: string): Promise<Entries> {
    return { data: (await this.statement.entries(actor, id)).map(EntryResponse.from) };
  }
}
