import { Body, Controller, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiBody,
  ApiExcludeEndpoint,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Public, Roles } from '../../common/access.js';
import { ApiErrors } from '../../common/api-errors.decorator.js';
import { RouteNotFoundError } from '../../common/http-errors.js';
import { IdPipe } from '../../common/id.pipe.js';
import { AmountNotRepresentableError } from '../money/money.errors.js';
import { PaymentNotFoundError, PaymentStateConflictError } from '../payments.errors.js';
import { RefundExceedsCapturedError } from '../refunds/refunds.errors.js';
import { AUTHENTICATION_PAGE, AUTHENTICATION_POLICY } from './authentication.page.js';
import { FAULTS } from '../bank/payment-methods.js';
import {
  AuthenticationResult,
  BankRefundResponse,
  Charges,
  ChargesQuery,
  ClockAdvance,
  DashboardRefund,
  FaultOrder,
  MagicMethods,
  OUTCOMES,
  SimulatorAuthenticate,
  SimulatorOutcome,
  WebhooksFlush,
  WebhooksFlushed,
} from './simulator.dto.js';
import { AuthenticationTokenInvalidError, SimulatorService } from './simulator.service.js';

const PaymentId = IdPipe((id) => new PaymentNotFoundError(id));

const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, { value: { outcome } }]));
const faults = Object.fromEntries(
  FAULTS.map((fault) => [fault, { value: { operation: 'confirm', next_n: 1, fault } }]),
);

@ApiTags('Simulator')
@Controller('simulator')
@ApiErrors(RouteNotFoundError)
export class SimulatorController {
  constructor(private readonly simulator: SimulatorService) {}

  @Get('payment-methods')
  @ApiOperation({ summary: 'List the magic payment methods', description: 'Each takes a payment down another path.' })
  @ApiOkResponse({ type: MagicMethods, description: 'What each of them does' })
  methods(): MagicMethods {
    return { data: this.simulator.methods().map(({ id, alias, description }) => ({ id, alias, description })) };
  }

  @Get('authenticate')
  @Public('ignored')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', AUTHENTICATION_POLICY)
  @ApiExcludeEndpoint()
  page(): string {
    return AUTHENTICATION_PAGE;
  }

  @Post('authenticate')
  @HttpCode(200)
  @Public()
  @ApiOperation({
    summary: 'Answer for the payer',
    description: 'What the page in `next_action.url` sends, with the one-time token from behind its `#`.',
  })
  @ApiOkResponse({ type: AuthenticationResult, description: 'The bank goes on; a webhook follows' })
  @ApiErrors(AuthenticationTokenInvalidError)
  authenticate(@Body() { token, outcome }: SimulatorAuthenticate): Promise<AuthenticationResult> {
    return this.simulator.authenticateByToken(token, outcome);
  }

  @Post('payments/:id/authenticate')
  @HttpCode(200)
  @Roles('platform_admin')
  @ApiOperation({ summary: 'Answer for the payer of a payment', description: 'Without the page and its token.' })
  @ApiBody({ type: SimulatorOutcome, examples: outcomes })
  @ApiOkResponse({ type: AuthenticationResult, description: 'The bank goes on; a webhook follows' })
  @ApiErrors(PaymentNotFoundError)
  authenticatePayment(
    @Param('id', PaymentId) id: string,
    @Body() { outcome }: SimulatorOutcome,
  ): Promise<AuthenticationResult> {
    return this.simulator.authenticate(id, outcome);
  }

  @Get('charges')
  @Roles('platform_admin')
  @ApiOperation({ summary: 'List what the bank has done for a payment', description: 'Its truth, whatever ours is.' })
  @ApiOkResponse({ type: Charges, description: 'The charges' })
  async charges(@Query() { payment_id }: ChargesQuery): Promise<Charges> {
    return { data: await this.simulator.charges(payment_id) };
  }

  @Post('dashboard-refund')
  @HttpCode(200)
  @Roles('platform_admin')
  @ApiOperation({
    summary: 'Give money back at the bank itself',
    description: 'As somebody does at a provider’s own pages: nobody here is asked, and a webhook follows.',
  })
  @ApiOkResponse({ type: BankRefundResponse, description: 'The refund, as the bank has it' })
  @ApiErrors(
    RouteNotFoundError,
    PaymentNotFoundError,
    PaymentStateConflictError,
    RefundExceedsCapturedError,
    AmountNotRepresentableError,
  )
  refund(@Body() { payment_id, amount }: DashboardRefund): Promise<BankRefundResponse> {
    return this.simulator.refund(payment_id, amount ?? null);
  }

  @Post('webhooks/flush')
  @HttpCode(200)
  @Roles('platform_admin')
  @ApiOperation({ summary: 'Deliver every webhook that waits', description: 'In order or not, twice or not at all.' })
  @ApiOkResponse({ type: WebhooksFlushed, description: 'How many were delivered' })
  async flush(@Body() body: WebhooksFlush): Promise<WebhooksFlushed> {
    return { delivered: await this.simulator.flush(body) };
  }

  @Post('clock')
  @HttpCode(204)
  @Roles('platform_admin')
  @ApiOperation({ summary: 'Have time pass at the bank', description: 'It forgets keys, and authorisations lapse.' })
  @ApiNoContentResponse({ description: 'It is later' })
  advance(@Body() { advance_hours }: ClockAdvance): Promise<void> {
    return this.simulator.advanceClock(advance_hours);
  }

  @Post('faults')
  @HttpCode(204)
  @Roles('platform_admin')
  @ApiOperation({ summary: 'Have the next requests go wrong', description: 'On the way to the bank, or back.' })
  @ApiBody({ type: FaultOrder, examples: faults })
  @ApiNoContentResponse({ description: 'They will' })
  order(@Body() body: FaultOrder): Promise<void> {
    return this.simulator.order(body);
  }

  @Post('reset')
  @HttpCode(204)
  @Roles('platform_admin')
  @ApiOperation({ summary: 'Undo clock and faults', description: 'What the bank has taken it keeps.' })
  @ApiNoContentResponse({ description: 'It is now, and nothing goes wrong' })
  reset(): Promise<void> {
    return this.simulator.reset();
  }
}
