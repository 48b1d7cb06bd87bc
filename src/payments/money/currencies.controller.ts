import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Currencies, PaymentsConfig } from './currencies.dto.js';
import { CurrenciesService } from './currencies.service.js';

@ApiTags('payments')
@Controller()
export class CurrenciesController {
  constructor(private readonly currencies: CurrenciesService) {}

  @Get('payments/config')
  @ApiOperation({ summary: 'Get how payments are set up', description: 'Who takes the money, and the bounds.' })
  @ApiOkResponse({ type: PaymentsConfig, description: 'The set-up' })
  config(): PaymentsConfig {
    return this.currencies.config();
  }

  @Get('currencies')
  @ApiOperation({ summary: 'List the currencies', description: 'With what the provider takes of each.' })
  @ApiOkResponse({ type: Currencies, description: 'Every currency' })
  list(): Currencies {
    return { data: this.currencies.list() };
  }
}
