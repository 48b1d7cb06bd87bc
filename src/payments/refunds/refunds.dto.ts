import { ApiProperty } from '@nestjs/swagger';
import { Flag, Integer, OneOf, Texts } from '../../common/fields.js';
import { KeysetOf, KeysetQuery } from '../../common/pagination.js';
import { REFUND_STATUSES, type RefundStatus } from '../gateways/refund-snapshot.js';
import { amount, textOrNull, time, uuid } from '../money/documented.js';
import { MoneyQuery } from '../payments.dto.js';
import { REFUND_ORIGINS, type Refund, type RefundOrigin } from './refund.entity.js';

/** What providers take for a reason. */
export const REFUND_REASONS = ['duplicate', 'fraudulent', 'requested_by_customer'] as const;

export class RefundCreate {
  @Integer({
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    optional: true,
    example: 1_000,
    description: 'In the minor unit; all that is left unless told',
  })
  amount?: number;

  @OneOf(REFUND_REASONS, { optional: true, example: 'requested_by_customer', description: 'Why' })
  reason?: (typeof REFUND_REASONS)[number];

  @Texts({
    keys: 50,
    keyLength: 40,
    valueLength: 500,
    optional: true,
    example: { ticket: '815' },
    description: 'For your own use: up to 50 texts',
  })
  metadata?: Record<string, string>;

  @Flag({
    optional: true,
    example: false,
    description: 'Also while the payment is disputed, which may pay the payer twice. Standard: false',
  })
  force: boolean = false;
}

export class RefundQuery extends MoneyQuery {
  @OneOf(REFUND_STATUSES, { optional: true, description: 'With this status', example: 'succeeded' })
  status?: RefundStatus;
}

/** Of one payment. */
export class PaymentRefundsQuery extends KeysetQuery {}

export class RefundResponse {
  @uuid()
  readonly id!: string;

  @uuid()
  readonly payment_id!: string;

  @ApiProperty({ enum: REFUND_STATUSES, example: 'succeeded' })
  readonly status!: RefundStatus;

  @amount('In the minor unit of the currency', 1_000)
  readonly amount!: number;

  @ApiProperty({ example: 'EUR', description: 'ISO 4217' })
  readonly currency!: string;

  @textOrNull('requested_by_customer')
  readonly reason!: string | null;

  @ApiProperty({ enum: REFUND_ORIGINS, example: 'api', description: '`provider`: it was made there' })
  readonly origin!: RefundOrigin;

  @textOrNull(null, 'Why it came to nothing, in the provider’s words')
  readonly failure_code!: string | null;

  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, example: { ticket: '815' } })
  readonly metadata!: Record<string, string>;

  @textOrNull('re_sim_019a3b5e7c1d')
  readonly provider_refund_id!: string | null;

  @time()
  readonly created_at!: Date;

  @time()
  readonly updated_at!: Date;

  /** Names what may leave, field by field. */
  static from(refund: Refund): RefundResponse {
    const { id, payment_id, status, currency, reason, origin, failure_code, metadata } = refund;
    const { provider_refund_id, created_at, updated_at } = refund;
    const told = { id, payment_id, status, amount: refund.amount, currency, reason, origin, failure_code, metadata };
    return { ...told, provider_refund_id, created_at, updated_at };
  }
}

export class RefundList extends KeysetOf(RefundResponse) {}
