import { ApiProperty } from '@nestjs/swagger';
import { Text } from '../../common/fields.js';
import { KeysetOf } from '../../common/pagination.js';
import { DISPUTE_FUNDS, type DisputeFunds } from '../gateways/dispute-snapshot.js';
import { amount, textOrNull, time, timeOrNull, uuid } from '../money/documented.js';
import { MoneyQuery } from '../payments.dto.js';
import type { Dispute } from './dispute.entity.js';

export class DisputeQuery extends MoneyQuery {
  @Text({ min: 1, max: 100, optional: true, description: 'With this status', example: 'needs_response' })
  status?: string;
}

export class DisputeResponse {
  @uuid()
  readonly id!: string;

  @uuid()
  readonly payment_id!: string;

  @ApiProperty({ example: 'needs_response', description: 'In the provider’s words' })
  readonly status!: string;

  @ApiProperty({ enum: DISPUTE_FUNDS, example: 'withdrawn', description: 'Where the disputed money is' })
  readonly funds!: DisputeFunds;

  @amount('In the minor unit of the currency')
  readonly amount!: number;

  @ApiProperty({ example: 'EUR', description: 'ISO 4217' })
  readonly currency!: string;

  @textOrNull('fraudulent', 'In the provider’s words')
  readonly reason!: string | null;

  @timeOrNull()
  readonly evidence_due_at!: Date | null;

  @time()
  readonly created_at!: Date;

  @time()
  readonly updated_at!: Date;

  /** Names what may leave, field by field. */
  static from(dispute: Dispute): DisputeResponse {
    const { id, payment_id, status, funds, currency, reason, evidence_due_at, created_at, updated_at } = dispute;
    const told = { id, payment_id, status, funds, amount: dispute.amount, currency, reason };
    return { ...told, evidence_due_at, created_at, updated_at };
  }
}

export class DisputeList extends KeysetOf(DisputeResponse) {}
