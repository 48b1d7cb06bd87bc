import { Injectable } from '@nestjs/common';

/** Where Stripe is. There is one; only a test's entry names another. */
@Injectable()
export class StripeConnection {
  host = 'api.stripe.com';
  port = 443;
  protocol: 'http' | 'https' = 'https';
}
