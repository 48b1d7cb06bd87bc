import { uuidv7 } from '../../../src/common/uuid.js';
import { readSettings } from '../../../src/config/read-settings.js';
import { Timings } from '../../../src/config/timings.js';
import type { CreateRequest, Sending } from '../../../src/payments/gateways/payment.gateway.js';
import { StripeConnection } from '../../../src/payments/stripe/stripe-connection.js';
import { StripeGateway } from '../../../src/payments/stripe/stripe.gateway.js';
import { StripeLine } from '../../../src/payments/stripe/stripe-line.js';
import type { TestSettings } from '../stage.js';
import type { StripeServer } from './server.js';

const lines = new Set<StripeLine>();

afterAll(() => lines.forEach((line) => line.onApplicationShutdown()));

/** The gateway alone, on the Stripe at hand. */
export function stripeGateway(
  stripe: Pick<StripeServer, 'port' | 'key' | 'webhookSecret'>,
  { settings, timings }: { settings?: TestSettings; timings?: Partial<Timings> } = {},
): StripeGateway {
  const read = readSettings({
    STRIPE_API_KEY: stripe.key,
    STRIPE_WEBHOOK_SECRET: stripe.webhookSecret,
    PUBLIC_URL: 'https://shop.example.com',
    ...settings,
  });
  const connection = Object.assign(new StripeConnection(), { host: '127.0.0.1', port: stripe.port, protocol: 'http' });
  const line = new StripeLine(read, new Timings(timings), connection);
  lines.add(line);
  return new StripeGateway(line, read);
}

export const soon = (within_ms = 10_000): AbortSignal => AbortSignal.timeout(within_ms);

export const sending = (idempotency_key: string, within_ms?: number): Sending => ({
  idempotency_key,
  signal: soon(within_ms),
});

/** What our journal asks for: 42 euros. */
export const anOrder = (changes: Partial<CreateRequest> = {}): CreateRequest => ({
  payment_id: uuidv7(),
  tenant_id: uuidv7(),
  amount: 4_200,
  currency: 'EUR',
  capture_method: 'automatic',
  ...changes,
});
