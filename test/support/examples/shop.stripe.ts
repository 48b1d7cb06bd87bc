import type { StripeConstructor } from '@stripe/stripe-js';
import createClient from 'openapi-fetch';
import type { paths } from '../../generated/openapi.js';

/** In the payer's browser: shows the form. `Stripe` is what https://js.stripe.com/v3 brings. @returns what the button does. */
export async function showForm(baseUrl: string, token: string, order: string, Stripe: StripeConstructor) {
  const omni = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });
  const { data: payment, error } = await omni.POST('/api/v1/payments', {
    params: { header: { 'Idempotency-Key': order } },
    // Not confirmed by the server: the browser does that, with a method that the server never sees.
    body: { amount: 4_200, currency: 'EUR', confirm: false, reference: order },
  });
  if (error) throw new Error(`${error.code}: ${error.detail}`);
  const path = { id: payment.id };
  const { data: config } = await omni.GET('/api/v1/payments/config');
  const { data: secret } = await omni.GET('/api/v1/payments/{id}/client-secret', { params: { path } });
  if (!config?.publishable_key || !secret) throw new Error('Stripe is not in force');

  const stripe = Stripe(config.publishable_key);
  const elements = stripe.elements({ clientSecret: secret.client_secret });
  elements.create('payment').mount('#payment');
  return async (): Promise<string> => {
    const confirmParams = { return_url: 'https://shop.example.com/thanks' };
    const { error: refused } = await stripe.confirmPayment({ elements, confirmParams, redirect: 'if_required' });
    if (refused) return `Not paid: ${refused.message}`;
    // What counts is what our server says; a webhook has told it, or it finds out by itself.
    const { data: paid } = await omni.GET('/api/v1/payments/{id}', { params: { path } });
    return paid?.status === 'succeeded' ? 'Paid' : 'Thank you: we are waiting for your bank';
  };
}
