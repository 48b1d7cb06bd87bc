import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Roles, type Principal } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { IdPipe } from '../../common/id.pipe.js';
import { RateLimit } from '../../limits/rate-limit.decorator.js';
import { PaymentResponse } from '../payments.dto.js';
import { PaymentNotFoundError, ProviderMisconfiguredError, ProviderUnavailableError } from '../payments.errors.js';
import { PaymentSync } from './payment-sync.js';

const PaymentId = IdPipe((id) => new PaymentNotFoundError(id));

@ApiTags('payments')
@Controller('payments')
@Roles('admin')
export class PaymentSyncController {
  constructor(private readonly payments: PaymentSync) {}

  @Post(':id/sync')
  @HttpCode(200)
  @RateLimit('payments')
  @ApiOperation({
    summary: 'Ask the provider how a payment stands',
    description: 'And follow it, now and not when its turn comes. For admins.',
  })
  @ApiOkResponse({ type: PaymentResponse, description: 'How the payment stands' })
  @ApiErrors(PaymentNotFoundError, ProviderUnavailableError, ProviderMisconfiguredError)
  async sync(@CurrentUser() actor: Principal, @Param('id', PaymentId) id: string): Promise<PaymentResponse> {
    return PaymentResponse.from(await this.payments.sync(actor, id));
  }
}
