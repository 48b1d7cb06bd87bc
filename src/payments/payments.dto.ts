import { ApiProperty } from '@nestjs/swagger';
import {
  DateTime,
  Flag,
  Id,
  Integer,
  OneOf,
  QueryAmount,
  QueryFlag,
  Text,
  Texts,
  WebAddress,
} from '../common/fields.js';
import { KeysetOf, KeysetQuery } from '../common/pagination.js';
import { amount, textOrNull, time, timeOrNull, uuid } from './money/documented.js';
import { MAX_AMOUNT } from './money/minor-units.js';
import { PAYMENT_STATUSES, type PaymentStatus } from './payment-states.js';
import type { CaptureMethod, LastError, NextAction, Payment, PaymentMethod } from './payment.entity.js';

const CAPTURE_METHODS = ['automatic', 'manual'] as const;
const PROVIDERS = ['stripe', 'simulator'] as const;
export const CANCELLATION_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer', 'abandoned'] as const;

const currency = {
  min: 3,
  max: 3,
  pattern: { test: /^[A-Za-z]{3}$/, message: 'must be three letters (ISO 4217)' },
  description: 'ISO 4217, in any case',
  example: 'EUR',
};
const payment_method = {
  min: 1,
  max: 255,
  pattern: { test: /^[A-Za-z0-9_-]+$/, message: 'must be the id of a payment method' },
  description: "The provider's id of a payment method; the simulator's are at GET /simulator/payment-methods",
  example: 'pm_sim_success',
};

export class PaymentConfirm {
  @Text(payment_method)
  payment_method!: string;

  @WebAddress({ optional: true, description: 'Where the payer comes back to, after a page of the bank' })
  return_url?: string;
}

export class PaymentCreate {
  @Integer({
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    example: 4_200,
    description: 'In the minor unit of the currency, at most 12 digits: 4200 is 42.00 EUR',
  })
  amount!: number;

  @Text(currency)
  currency!: string;

  @Text({ ...payment_method, optional: true })
  payment_method?: string;

  @Flag({ optional: true, example: true, description: 'False: only prepare it. Standard: true' })
  confirm: boolean = true;

  @OneOf(CAPTURE_METHODS, {
    optional: true,
    example: 'automatic',
    description: '`manual`: reserve the money, and take it by `/capture`',
  })
  capture_method: CaptureMethod = 'automatic';

  @Text({
    min: 1,
    max: 100,
    optional: true,
    example: 'order-4711',
    description: 'Your name for it: another payment of yours with it is refused, unless the first was canceled',
  })
  reference?: string;

  @Text({ max: 500, optional: true, example: 'Two tickets', description: 'For your own eyes' })
  description?: string;

  @WebAddress({ optional: true, description: 'Where the payer comes back to, after a page of the bank' })
  return_url?: string;

  @Texts({
    keys: 50,
    keyLength: 40,
    valueLength: 500,
    optional: true,
    example: { order: '4711' },
    description: 'For your own use: up to 50 texts',
  })
  metadata?: Record<string, string>;
}

export class PaymentCapture {
  @Integer({
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    optional: true,
    example: 4_200,
    description: 'In the minor unit; all of it unless told',
  })
  amount?: number;
}

export class PaymentCancel {
  @OneOf(CANCELLATION_REASONS, { optional: true, example: 'requested_by_customer', description: 'Why' })
  reason?: (typeof CANCELLATION_REASONS)[number];
}

/** What lists of payments, refunds and disputes are narrowed by. */
export class MoneyQuery extends KeysetQuery {
  @Text({ ...currency, optional: true })
  currency?: string;

  @Text({ min: 1, max: 100, optional: true, description: 'Of payments with this reference', example: 'order-4711' })
  reference?: string;

  @OneOf(PROVIDERS, { optional: true, description: 'Of this provider', example: 'simulator' })
  provider?: (typeof PROVIDERS)[number];

  @QueryFlag({ description: 'Whether a person must look', example: false })
  needs_review?: boolean;

  @Id({ optional: true, description: 'Of payments of this user', example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c' })
  owner_id?: string;

  @QueryAmount({ max: MAX_AMOUNT, description: 'At least so much, in the minor unit', example: 100 })
  amount_gte?: number;

  @QueryAmount({ max: MAX_AMOUNT, description: 'At most so much, in the minor unit', example: 100_000 })
  amount_lte?: number;

  @DateTime({ optional: true, description: 'Made at this time or later', example: '2026-01-31T12:00:00Z' })
  since?: Date;

  @DateTime({ optional: true, description: 'Made before this time', example: '2026-01-31T12:00:00Z' })
  until?: Date;

  @Id({
    optional: true,
    description: 'Of a platform admin: which tenant',
    example: '01900000-0000-7000-8000-000000000000',
  })
  tenant_id?: string;
}

export class PaymentQuery extends MoneyQuery {
  @OneOf(PAYMENT_STATUSES, { optional: true, description: 'With this status', example: 'succeeded' })
  status?: PaymentStatus;
}

export class PaymentMethodResponse implements PaymentMethod {
  @ApiProperty({ example: 'pm_sim_success' })
  readonly id!: string;

  @ApiProperty({ example: 'card' })
  readonly type!: string;

  @ApiProperty({ type: String, nullable: true, example: 'visa' })
  readonly brand!: string | null;

  @ApiProperty({ type: String, nullable: true, example: '4242' })
  readonly last4!: string | null;
}

export class NextActionResponse implements NextAction {
  @ApiProperty({ enum: ['redirect'], example: 'redirect' })
  readonly type!: 'redirect';

  @ApiProperty({ format: 'uri', example: 'https://bank.example.com/authenticate#token' })
  readonly url!: string;
}

export class LastErrorResponse implements LastError {
  @ApiProperty({ example: 'card_declined' })
  readonly code!: string;

  @ApiProperty({ type: String, nullable: true, example: 'insufficient_funds' })
  readonly decline_code!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'The card was declined' })
  readonly message!: string | null;
}

export class PaymentResponse {
  @uuid()
  readonly id!: string;

  @ApiProperty({ enum: PAYMENT_STATUSES, example: 'succeeded' })
  readonly status!: PaymentStatus;

  @amount('In the minor unit of the currency')
  readonly amount!: number;

  @amount('What the bank has promised')
  readonly amount_authorized!: number;

  @amount('What was taken')
  readonly amount_captured!: number;

  @amount('What was given back', 0)
  readonly amount_refunded!: number;

  @amount('What is being given back', 0)
  readonly amount_refund_pending!: number;

  @ApiProperty({ example: 'EUR', description: 'ISO 4217' })
  readonly currency!: string;

  @ApiProperty({ enum: CAPTURE_METHODS, example: 'automatic' })
  readonly capture_method!: CaptureMethod;

  @ApiProperty({ type: PaymentMethodResponse, nullable: true })
  readonly payment_method!: PaymentMethod | null;

  @textOrNull('order-4711')
  readonly reference!: string | null;

  @textOrNull('Two tickets')
  readonly description!: string | null;

  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, example: { order: '4711' } })
  readonly metadata!: Record<string, string>;

  @ApiProperty({ type: NextActionResponse, nullable: true, example: null, description: 'What the payer has to do' })
  readonly next_action!: NextAction | null;

  @ApiProperty({ type: LastErrorResponse, nullable: true, example: null, description: 'Why the last try failed' })
  readonly last_error!: LastError | null;

  @ApiProperty({ enum: ['none', 'partial', 'full'], example: 'none' })
  readonly refund_status!: 'none' | 'partial' | 'full';

  @ApiProperty({ type: String, nullable: true, example: null })
  readonly dispute_status!: string | null;

  @ApiProperty({ example: false, description: 'The provider says what cannot be: a person must look' })
  readonly needs_review!: boolean;

  @ApiProperty({ enum: PROVIDERS, example: 'simulator' })
  readonly provider!: 'stripe' | 'simulator';

  @textOrNull('pi_sim_019a3b5e7c1d')
  readonly provider_payment_id!: string | null;

  @ApiProperty({ example: false, description: 'Whether it is real money' })
  readonly livemode!: boolean;

  @uuid()
  readonly owner_id!: string;

  @ApiProperty({ type: 'integer', example: 2, description: 'Grows with every step' })
  readonly version!: number;

  @time()
  readonly created_at!: Date;

  @time()
  readonly updated_at!: Date;

  @timeOrNull()
  readonly captured_at!: Date | null;

  @timeOrNull()
  readonly canceled_at!: Date | null;

  /** Names what may leave, field by field: a new column stays inside until somebody lists it here. */
  static from(payment: Payment): PaymentResponse {
    const { amount_captured, amount_refunded } = payment;
    return {
      id: payment.id,
      status: payment.status,
      amount: payment.amount,
      amount_authorized: payment.amount_authorized,
      amount_captured,
      amount_refunded,
      amount_refund_pending: payment.amount_refund_pending,
      currency: payment.currency,
      capture_method: payment.capture_method,
      payment_method: payment.payment_method,
      reference: payment.reference,
      description: payment.description,
      metadata: payment.metadata,
      next_action: payment.next_action,
      last_error: payment.last_error,
      refund_status: amount_refunded === 0 ? 'none' : amount_refunded < amount_captured ? 'partial' : 'full',
      dispute_status: payment.dispute_status,
      needs_review: payment.needs_review,
      provider: payment.provider,
      provider_payment_id: payment.provider_payment_id,
      livemode: payment.livemode,
      owner_id: payment.owner_id,
      version: payment.version,
      created_at: payment.created_at,
      updated_at: payment.updated_at,
      captured_at: payment.captured_at,
      canceled_at: payment.canceled_at,
    };
  }
}

export class PaymentList extends KeysetOf(PaymentResponse) {}

export class ClientSecret {
  @ApiProperty({ example: 'pi_sim_019a3b5e7c1d_secret_…', description: 'For the browser of the payer alone' })
  readonly client_secret!: string;
}
