import { NotFoundError } from '../../common/service-error.js';

export class LedgerAccountNotFoundError extends NotFoundError {
  static override readonly code = 'ledger_account_not_found';
  static override readonly title = 'There is no such account in the books';

  constructor(code: string) {
    super(`Ledger account ${code} not found`);
  }
}
