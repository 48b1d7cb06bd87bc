import { Module } from '@nestjs/common';
import { StripeConnection } from './stripe-connection.js';
import { StripeGateway } from './stripe.gateway.js';
import { StripeLine } from './stripe-line.js';

/** Stripe: only where it is in force. */
@Module({ providers: [StripeConnection, StripeLine, StripeGateway], exports: [StripeGateway] })
export class StripeModule {}
