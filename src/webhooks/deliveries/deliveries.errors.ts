import { NotFoundError } from '../../common/service-error.js';

export class WebhookDeliveryNotFoundError extends NotFoundError {
  static override readonly code = 'webhook_delivery_not_found';
  static override readonly title = 'There is no such delivery, or it is kept no more';

  constructor(id: string) {
    super(`Webhook delivery ${id} not found`);
  }
}
