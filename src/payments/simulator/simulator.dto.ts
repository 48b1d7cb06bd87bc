import { ApiProperty } from '@nestjs/swagger';
import { Id, Integer, OneOf, Text } from '../../common/fields.js';
import { FAULTS, type Fault, type MagicMethod } from '../bank/payment-methods.js';

export const OUTCOMES = ['success', 'fail', 'abandon'] as const;
export type AuthenticationOutcome = (typeof OUTCOMES)[number];

const outcome = { example: 'success', description: 'What the payer does at the page of the bank' } as const;

export class SimulatorAuthenticate {
  @Text({ min: 1, max: 100, description: 'The one-time token after the `#`', example: 'the-token-of-next_action.url' })
  token!: string;

  @OneOf(OUTCOMES, outcome)
  outcome!: AuthenticationOutcome;
}

export class SimulatorOutcome {
  @OneOf(OUTCOMES, outcome)
  outcome!: AuthenticationOutcome;
}

export class AuthenticationResult {
  @ApiProperty({ type: String, format: 'uri', nullable: true, example: null, description: 'Where the payer goes on' })
  readonly return_url!: string | null;
}

export class ChargesQuery {
  @Id({
    optional: true,
    description: 'Of this payment; the newest hundred unless told',
    example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c',
  })
  payment_id?: string;
}

const ORDERS = ['fifo', 'random', 'reverse'] as const;

export class WebhooksFlush {
  @OneOf(ORDERS, { optional: true, example: 'fifo', description: 'In which order' })
  order: (typeof ORDERS)[number] = 'fifo';

  @Integer({ min: 0, max: 10, optional: true, example: 0, description: 'How many copies beside the first' })
  duplicates: number = 0;

  @Integer({ min: 0, max: 100, optional: true, example: 0, description: 'How many of a hundred get lost' })
  drop: number = 0;
}

export class WebhooksFlushed {
  @ApiProperty({ type: 'integer', example: 3 })
  readonly delivered!: number;
}

export class ClockAdvance {
  @Integer({ min: 1, max: 8_760, example: 24, description: 'Keys are forgotten after 24, authorisations lapse' })
  advance_hours!: number;
}

const OPERATIONS = ['create', 'confirm', 'capture', 'cancel', 'refund', 'fetch'] as const;

export class FaultOrder {
  @OneOf(OPERATIONS, { example: 'confirm', description: 'What shall go wrong' })
  operation!: (typeof OPERATIONS)[number];

  @Integer({ min: 1, max: 100, optional: true, example: 1, description: 'How often' })
  next_n: number = 1;

  @OneOf(FAULTS, { example: 'drop_after', description: 'How' })
  fault!: Fault;
}

export class MagicMethodResponse implements Pick<MagicMethod, 'id' | 'alias' | 'description'> {
  @ApiProperty({ example: 'pm_sim_success' })
  readonly id!: string;

  @ApiProperty({ type: String, nullable: true, example: 'pm_card_visa', description: 'The same at Stripe' })
  readonly alias!: string | null;

  @ApiProperty({ example: 'Succeeds' })
  readonly description!: string;
}

export class MagicMethods {
  @ApiProperty({ type: [MagicMethodResponse] })
  readonly data!: MagicMethodResponse[];
}

export class DashboardRefund {
  @Id({ description: 'Of this payment', example: '019a3b5e-7c1d-7f3a-9b2e-4d5c6f7a8b9c' })
  payment_id!: string;

  @Integer({
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    optional: true,
    example: 1_000,
    description: 'In the minor unit; all that is left unless told',
  })
  amount?: number;
}

/** A refund as the bank has it. */
export interface RefundAtBank {
  readonly id: string;
  readonly refund_id: string | null;
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
}

export class BankRefundResponse implements RefundAtBank {
  @ApiProperty({ example: 're_sim_019a3b5e7c1d' })
  readonly id!: string;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, example: null, description: 'Ours, where it is ours' })
  readonly refund_id!: string | null;

  @ApiProperty({ example: 'succeeded' })
  readonly status!: string;

  @ApiProperty({ type: 'integer', example: 1_000, description: 'As the bank counts' })
  readonly amount!: number;

  @ApiProperty({ example: 'eur' })
  readonly currency!: string;
}

/** What the bank knows of a payment: its truth, whatever our books say. */
export interface BankCharge {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
  readonly amount_received: number;
  readonly times_charged: number;
  readonly tries: number;
  /** The newest first. */
  readonly refunds: RefundAtBank[];
}

export class ChargeResponse implements BankCharge {
  @ApiProperty({ example: 'pi_sim_019a3b5e7c1d' })
  readonly id!: string;

  @ApiProperty({ example: 'succeeded' })
  readonly status!: string;

  @ApiProperty({ type: 'integer', example: 4_200, description: 'As the bank counts' })
  readonly amount!: number;

  @ApiProperty({ example: 'eur' })
  readonly currency!: string;

  @ApiProperty({ type: 'integer', example: 4_200, description: 'What it has taken' })
  readonly amount_received!: number;

  @ApiProperty({ type: 'integer', example: 1, description: 'How often it has taken money' })
  readonly times_charged!: number;

  @ApiProperty({ type: 'integer', example: 1, description: 'How often it was asked to' })
  readonly tries!: number;

  @ApiProperty({ type: [BankRefundResponse], description: 'What has gone back, or will; the newest first' })
  readonly refunds!: BankRefundResponse[];
}

export class Charges {
  @ApiProperty({ type: [ChargeResponse] })
  readonly data!: ChargeResponse[];
}
