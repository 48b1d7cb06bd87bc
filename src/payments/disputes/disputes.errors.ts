import { NotFoundError } from '../../common/service-error.js';

export class DisputeNotFoundError extends NotFoundError {
  static override readonly code = 'dispute_not_found';
  static override readonly title = 'There is no such dispute';

  constructor(id: string) {
    super(`Dispute ${id} not found`);
  }
}
