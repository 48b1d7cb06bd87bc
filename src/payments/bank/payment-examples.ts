import { MAGIC_METHODS } from './payment-methods.js';

/** A filled request for each path that a payment can take: in Swagger UI it is two clicks away. */
export const PAYMENT_EXAMPLES = Object.fromEntries(
  MAGIC_METHODS.map(({ id, description, hold_hours }) => [
    id,
    {
      summary: `${id}: ${description}`,
      value: {
        amount: 4_200,
        currency: 'EUR',
        payment_method: id,
        ...(hold_hours === 1 && { capture_method: 'manual' }),
      },
    },
  ]),
);
