import { RequestFaultError } from '../../common/service-error.js';

export class CurrencyUnsupportedError extends RequestFaultError {
  static override readonly code = 'currency_unsupported';
  static override readonly title = 'Payments in this currency are not taken';
}

export class AmountTooSmallError extends RequestFaultError {
  static override readonly code = 'amount_too_small';
  static override readonly title = 'The amount is too small';
}

export class AmountTooLargeError extends RequestFaultError {
  static override readonly code = 'amount_too_large';
  static override readonly title = 'The amount is too large';
}

export class AmountNotRepresentableError extends RequestFaultError {
  static override readonly code = 'amount_not_representable';
  static override readonly title = 'The provider cannot express this amount exactly';
}
