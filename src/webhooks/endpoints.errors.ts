import { NotFoundError, ValidationError } from '../common/service-error.js';

export class WebhookEndpointNotFoundError extends NotFoundError {
  static override readonly code = 'webhook_endpoint_not_found';
  static override readonly title = 'There is no such webhook endpoint';

  constructor(id: string) {
    super(`Webhook endpoint ${id} not found`);
  }
}

/** @see {@link WebhookEndpointsService.create} */
export const tooManyEndpoints = (most: number): ValidationError =>
  new ValidationError([
    { pointer: '#', code: 'too_many', message: `would be more than ${most} endpoints: delete one first` },
  ]);
