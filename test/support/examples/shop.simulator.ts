import createClient from 'openapi-fetch';
import type { paths } from '../../generated/openapi.js';

/** On the shop's server: pays an order. @returns the page that the payer has to see, or null when it is paid. */
export async function payOrder(baseUrl: string, token: string, order: string): Promise<string | null> {
  const omni = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });
  const { data: payment, error } = await omni.POST('/api/v1/payments', {
    // One key for one order: if the answer is lost, the very same request is sent again, and nothing is paid twice.
    params: { header: { 'Idempotency-Key': order } },
    body: {
      amount: 4_200,
      currency: 'EUR',
      payment_method: 'pm_sim_success',
      reference: order,
      return_url: 'https://shop.example.com/thanks',
    },
  });
  // 402: the payment waits for another method, at POST /payments/{id}/confirm.
  if (error) throw new Error(`${error.code}: ${error.detail}`);
  return settled(baseUrl, token, payment.id);
}

/** Also where the payer comes back to, and after a while where an answer was `processing`. */
export async function settled(baseUrl: string, token: string, id: string): Promise<string | null> {
  const omni = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });
  for (;;) {
    const { data: payment, error } = await omni.GET('/api/v1/payments/{id}', { params: { path: { id } } });
    if (error) throw new Error(error.detail);
    if (payment.status === 'succeeded') return null;
    if (payment.next_action) return payment.next_action.url;
    if (payment.status !== 'processing') throw new Error(`The payment is ${payment.status}`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
