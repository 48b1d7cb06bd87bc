/** What Stripe answers in place of an object. */
export class StripeRefusal extends Error {
  constructor(
    readonly status: number,
    readonly error: Readonly<Record<string, unknown>>,
  ) {
    super(`${status} ${JSON.stringify(error)}`);
  }
}

export const invalid = (error: object, status = 400): StripeRefusal =>
  new StripeRefusal(status, { type: 'invalid_request_error', ...error });

export const missing = (what: string, id: string, param: string, status = 404): StripeRefusal =>
  invalid({ code: 'resource_missing', message: `No such ${what}: '${id}'`, param }, status);
