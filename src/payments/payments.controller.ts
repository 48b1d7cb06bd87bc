import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBody, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentUser, Permissions, Roles, type Principal } from '../common/access.js';
import { ApiErrors } from '../common/api-errors.decorator.js';
import { IdPipe } from '../common/id.pipe.js';
import type { Reply } from '../common/reply.js';
import { RateLimit } from '../limits/rate-limit.decorator.js';
import { Idempotent } from './idempotency/idempotent.decorator.js';
import {
  AmountNotRepresentableError,
  AmountTooLargeError,
  AmountTooSmallError,
  CurrencyUnsupportedError,
} from './money/money.errors.js';
import { PAYMENT_EXAMPLES } from './bank/payment-examples.js';
import { PaymentReader } from './payment-reader.js';
import {
  ClientSecret,
  PaymentCancel,
  PaymentCapture,
  PaymentConfirm,
  PaymentCreate,
  PaymentList,
  PaymentQuery,
  PaymentResponse,
} from './payments.dto.js';
import {
  AttemptInProgressError,
  CaptureExceedsAuthorizedError,
  CardDataForbiddenError,
  DECLINES,
  PaymentNotFoundError,
  PaymentStateConflictError,
  ProviderMisconfiguredError,
  ProviderUnavailableError,
  ReferenceConflictError,
} from './payments.errors.js';
import { PaymentsService } from './payments.service.js';

/** A malformed id is answered as an unknown one. */
const PaymentId = IdPipe((id) => new PaymentNotFoundError(id));

const PROVIDER = [ProviderUnavailableError, ProviderMisconfiguredError] as const;
const AMOUNTS = [AmountTooSmallError, AmountTooLargeError, AmountNotRepresentableError] as const;

@ApiTags('payments')
@Controller('payments')
export class PaymentsController {
  constructor(
    private readonly payments: PaymentsService,
    private readonly reader: PaymentReader,
  ) {}

  @Post()
  @Permissions('payments:write')
  @RateLimit('payments')
  @Idempotent()
  @ApiOperation({
    summary: 'Take a payment',
    description:
      'Takes the money, or begins to: see `status` and `next_action`. A provider that has not answered after 8 seconds ' +
      'leaves the payment `processing`, and it is finished behind the answer.',
  })
  @ApiBody({ type: PaymentCreate, examples: PAYMENT_EXAMPLES })
  @ApiCreatedResponse({
    type: PaymentResponse,
    description: 'How the payment stands',
    headers: { Location: { $ref: '#/components/headers/Location' } },
  })
  @ApiErrors(
    ...DECLINES,
    ReferenceConflictError,
    CurrencyUnsupportedError,
    ...AMOUNTS,
    CardDataForbiddenError,
    ...PROVIDER,
  )
  async create(
    @CurrentUser() actor: Principal,
    @Body() body: PaymentCreate,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<PaymentResponse> {
    const payment = await this.payments.create(actor, body);
    reply.header('location', `/api/v1/payments/${payment.id}`);
    return PaymentResponse.from(payment);
  }

  @Get()
  @Permissions('payments:read')
  @ApiOperation({ summary: 'List payments', description: "Newest first: your own; for admins the tenant's." })
  @ApiOkResponse({ type: PaymentList, description: 'A part of the list' })
  async list(@CurrentUser() actor: Principal, @Query() query: PaymentQuery): Promise<PaymentList> {
    const { data, has_more } = await this.reader.list(actor, query);
    return { data: data.map(PaymentResponse.from), has_more };
  }

  @Get(':id')
  @Permissions('payments:read')
  @ApiOperation({ summary: 'Get a payment', description: "Your own; for admins any of the tenant's." })
  @ApiOkResponse({ type: PaymentResponse, description: 'The payment' })
  @ApiErrors(PaymentNotFoundError)
  async get(@CurrentUser() actor: Principal, @Param('id', PaymentId) id: string): Promise<PaymentResponse> {
    return PaymentResponse.from(await this.reader.get(actor, id));
  }

  @Get(':id/client-secret')
  @ApiOperation({
    summary: 'Get what the payer’s browser needs',
    description: 'Fetched at the provider for its owner, and kept nowhere.',
  })
  @ApiOkResponse({ type: ClientSecret, description: 'The secret' })
  @ApiErrors(PaymentNotFoundError, PaymentStateConflictError, ...PROVIDER)
  async clientSecret(@CurrentUser() actor: Principal, @Param('id', PaymentId) id: string): Promise<ClientSecret> {
    return { client_secret: await this.reader.clientSecret(actor, id) };
  }

  @Post(':id/confirm')
  @HttpCode(200)
  @Permissions('payments:write')
  @RateLimit('payments')
  @Idempotent()
  @ApiOperation({
    summary: 'Try to get the money',
    description: 'Of a payment that was only prepared, or declined: with this payment method.',
  })
  @ApiOkResponse({ type: PaymentResponse, description: 'How the payment stands' })
  @ApiErrors(
    PaymentNotFoundError,
    ...DECLINES,
    AttemptInProgressError,
    PaymentStateConflictError,
    CardDataForbiddenError,
    ...PROVIDER,
  )
  async confirm(
    @CurrentUser() actor: Principal,
    @Param('id', PaymentId) id: string,
    @Body() body: PaymentConfirm,
  ): Promise<PaymentResponse> {
    return PaymentResponse.from(await this.payments.confirm(actor, id, body));
  }

  @Post(':id/capture')
  @HttpCode(200)
  @Roles('admin')
  @Permissions('payments:write')
  @RateLimit('payments')
  @Idempotent()
  @ApiOperation({ summary: 'Take what was authorized', description: 'All of it or a part, once. For admins.' })
  @ApiOkResponse({ type: PaymentResponse, description: 'How the payment stands' })
  @ApiErrors(
    PaymentNotFoundError,
    PaymentStateConflictError,
    CaptureExceedsAuthorizedError,
    CurrencyUnsupportedError,
    ...AMOUNTS,
    ...PROVIDER,
  )
  async capture(
    @CurrentUser() actor: Principal,
    @Param('id', PaymentId) id: string,
    @Body() body: PaymentCapture,
  ): Promise<PaymentResponse> {
    return PaymentResponse.from(await this.payments.capture(actor, id, body));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @Permissions('payments:write')
  @RateLimit('payments')
  @Idempotent()
  @ApiOperation({ summary: 'Cancel a payment', description: 'One that has taken no money. Its owner may.' })
  @ApiOkResponse({ type: PaymentResponse, description: 'How the payment stands' })
  @ApiErrors(PaymentNotFoundError, PaymentStateConflictError, ...PROVIDER)
  async cancel(
    @CurrentUser() actor: Principal,
    @Param('id', PaymentId) id: string,
    @Body() body: PaymentCancel,
  ): Promise<PaymentResponse> {
    return PaymentResponse.from(await this.payments.cancel(actor, id, body));
  }
}
