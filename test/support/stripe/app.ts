import { StripeConnection } from '../../../src/payments/stripe/stripe-connection.js';
import { startApp, type AppOptions, type TestApp } from '../app.js';
import type { Answer } from '../client.js';
import type { StripeServer } from './server.js';

/** The application that ships, with Stripe in force: the one at hand. */
export async function startStripeApp(stripe: StripeServer, options: AppOptions = {}): Promise<TestApp> {
  const app = await startApp({
    ...options,
    settings: {
      PAYMENT_PROVIDER: 'stripe',
      STRIPE_API_KEY: stripe.key,
      STRIPE_PUBLISHABLE_KEY: 'pk_test_1',
      STRIPE_WEBHOOK_SECRET: stripe.webhookSecret,
      ...options.settings,
    },
  });
  const there: Pick<StripeConnection, 'host' | 'port' | 'protocol'> = {
    host: '127.0.0.1',
    port: stripe.port,
    protocol: 'http',
  };
  Object.assign(app.app.get(StripeConnection, { strict: false }), there);
  return app;
}

interface Bringing {
  readonly at?: number;
  readonly secret?: string;
  readonly signature?: string;
}

/** Brings an event to the application as Stripe would, or nearly so. */
export function bringEvent(
  app: TestApp,
  stripe: StripeServer,
  event: object,
  bringing: Bringing = {},
): Promise<Answer> {
  const body = JSON.stringify(event);
  const signature = bringing.signature ?? stripe.signature(body, bringing);
  return app.send('POST', '/webhooks/stripe', { body, headers: { 'stripe-signature': signature } });
}

/** Brings everything that has happened there and was not told yet. */
export async function bringAll(app: TestApp, stripe: StripeServer): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const event of stripe.events.splice(0)) answers.push(await bringEvent(app, stripe, event));
  return answers;
}
