import { Injectable } from '@nestjs/common';
import { PaymentGateway, type GatewayConfig } from '../gateways/payment.gateway.js';
import { CURRENCIES } from './currencies.js';
import { limitsOf, maximum, type CurrencyLimits } from './provider-amounts.js';

/** What can be paid here, and with whom. */
@Injectable()
export class CurrenciesService {
  constructor(private readonly gateway: PaymentGateway) {}

  /** Who takes the money, and the bounds of amounts. */
  config(): Omit<GatewayConfig, 'livemode'> & { limits: { max_amount: number } } {
    const { provider, publishable_key } = this.gateway.config;
    return { provider, publishable_key, limits: { max_amount: maximum } };
  }

  /** Every currency, with what the provider in force takes of it. */
  list(): CurrencyLimits[] {
    const { provider } = this.gateway.config;
    return [...CURRENCIES.keys()].flatMap((code) => limitsOf(provider, code) ?? []);
  }
}
