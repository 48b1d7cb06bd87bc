import { ConflictError, NotFoundError, UnprocessableError } from '../../common/service-error.js';
import { RaisedBy } from '../../database/constraints.js';

export class RefundNotFoundError extends NotFoundError {
  static override readonly code = 'refund_not_found';
  static override readonly title = 'There is no such refund';

  constructor(id: string) {
    super(`Refund ${id} not found`);
  }
}

@RaisedBy('payments_refunds_capped')
export class RefundExceedsCapturedError extends UnprocessableError {
  static override readonly code = 'refund_exceeds_captured';
  static override readonly title = 'More is to be refunded than is left of what was captured';

  /** @param max_refundable - in the minor unit; what is left. */
  constructor(detail?: string, options?: ErrorOptions, refusal: { payment_id?: string; max_refundable?: number } = {}) {
    super(detail, options, refusal);
  }
}

/** A refund beside a dispute that is lost pays the payer twice. */
export class DisputeOpenError extends ConflictError {
  static override readonly code = 'dispute_open';
  static override readonly title = 'The payment is disputed: a refund may pay the payer twice';

  constructor(payment_id?: string) {
    super(undefined, undefined, { ...(payment_id && { payment_id }) });
  }
}
