import { ApiProperty } from '@nestjs/swagger';
import type { CurrencyLimits } from './provider-amounts.js';

export class CurrencyResponse implements CurrencyLimits {
  @ApiProperty({ example: 'EUR', description: 'ISO 4217' })
  readonly code!: string;

  @ApiProperty({ type: 'integer', example: 2, description: 'Decimal places of the minor unit' })
  readonly exponent!: number;

  @ApiProperty({ type: 'integer', example: 50, description: 'The least, in the minor unit' })
  readonly minimum!: number;

  @ApiProperty({ type: 'integer', example: 1, description: 'Amounts are multiples of this' })
  readonly step!: number;
}

export class Currencies {
  @ApiProperty({ type: [CurrencyResponse] })
  readonly data!: CurrencyLimits[];
}

export class AmountLimits {
  @ApiProperty({ type: 'integer', example: 999_999_999_999, description: 'The most, in the minor unit' })
  readonly max_amount!: number;
}

export class PaymentsConfig {
  @ApiProperty({ enum: ['stripe', 'simulator', 'none'], example: 'simulator' })
  readonly provider!: 'stripe' | 'simulator' | 'none';

  @ApiProperty({ type: String, nullable: true, example: null, description: 'For the provider’s script in a browser' })
  readonly publishable_key!: string | null;

  @ApiProperty({ type: AmountLimits })
  readonly limits!: AmountLimits;
}
