import type Stripe from 'stripe';
import { ProviderForbiddenError, ProviderRejectedError, ProviderUnknownError } from '../gateways/payment.gateway.js';

/** A card that was declined: the intent says how it stands since, where Stripe has sent it along. */
export class StripeDeclineError extends ProviderRejectedError {
  constructor(
    code: string,
    readonly intent: Stripe.PaymentIntent | null,
  ) {
    super(code);
  }
}

/** Stripe's words for a no, where ours are others. */
const REFUSALS: Readonly<Record<string, string>> = {
  resource_missing: 'not_found',
  payment_intent_unexpected_state: 'unexpected_state',
  invalid_currency: 'currency_unsupported',
};

/** Of what Stripe cannot answer just now, what does not tell that it cannot answer at all. */
const NO_FAILURES = ['key_in_use', 'overloaded', 'circuit_open'];

/** Whether it tells of a Stripe that cannot be reached, or has no time. */
export const isOutage = (error: unknown): boolean =>
  error instanceof ProviderUnknownError && !NO_FAILURES.includes(error.code);

/**
 * What an error of Stripe's package means: by the status, since its classes group otherwise (a key that is in use comes as
 * an error of the API's). Whatever is no definite no is not known.
 * @see https://docs.stripe.com/api/errors, https://docs.stripe.com/error-low-level
 */
export function failureOf(error: unknown): unknown {
  if (!isStripeError(error)) return error;
  const { statusCode, code } = error;
  if (code === 'rate_limit' || code === 'lock_timeout') return new ProviderUnknownError('rate_limited');
  switch (statusCode) {
    case 400:
    case 404:
      return new ProviderRejectedError(refusalOf(error));
    case 401:
    case 403:
      return new ProviderForbiddenError(`Stripe refuses the key: ${code ?? error.rawType ?? statusCode}`);
    case 402:
      return new StripeDeclineError(code ?? 'card_declined', (error.payment_intent as Stripe.PaymentIntent) ?? null);
    case 409:
      return new ProviderUnknownError('key_in_use');
    case 429:
      return new ProviderUnknownError('rate_limited');
    case undefined:
      return new ProviderUnknownError(isTimeout(error.detail) ? 'timeout' : 'connection');
    default:
      return new ProviderUnknownError('server_error');
  }
}

const isStripeError = (error: unknown): error is Stripe.errors.StripeError =>
  error instanceof Error && 'rawType' in error && 'statusCode' in error;

function refusalOf({ code, param, rawType, message }: Stripe.errors.StripeError): string {
  if (rawType === 'idempotency_error') return 'idempotency_key_reused';
  // One that was used before without a customer is refused by a sentence alone, without code and parameter.
  const noMethod = param === 'payment_method' || (!code && !param && /\bPaymentMethod\b/.test(message));
  if (noMethod) return 'payment_method_unknown';
  if (param === 'currency') return 'currency_unsupported';
  return REFUSALS[code ?? ''] ?? code ?? 'invalid_request';
}

function isTimeout(detail: unknown): boolean {
  const { code, name } = (detail ?? {}) as { code?: string; name?: string };
  return code === 'ETIMEDOUT' || name === 'AbortError' || name === 'TimeoutError';
}
