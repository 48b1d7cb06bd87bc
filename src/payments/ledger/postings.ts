/** The accounts of every tenant, one of each kind and currency, made when they are first used. */
export const ACCOUNT_TYPES = {
  provider_receivable: 'asset',
  sales: 'income',
  refunds: 'contra_income',
  refunds_payable: 'liability',
  disputes_receivable: 'asset',
  dispute_losses: 'expense',
} as const;

export type AccountCode = keyof typeof ACCOUNT_TYPES;
/** Whether the books know such an account, used or not. */
export const isAccountCode = (code: string): code is AccountCode => Object.hasOwn(ACCOUNT_TYPES, code);

export type AccountType = 'asset' | 'liability' | 'income' | 'contra_income' | 'expense';

/** One side of a posting. */
export interface Side {
  readonly account: AccountCode;
  readonly direction: 'debit' | 'credit';
}

/** What each fact means for the books: for the same amount each. */
export const POSTINGS = {
  /** The provider has taken the money, and owes it to us. */
  captured: [
    { account: 'provider_receivable', direction: 'debit' },
    { account: 'sales', direction: 'credit' },
  ],
  /** Money is to go back: we owe it to the payer. */
  refund_requested: [
    { account: 'refunds', direction: 'debit' },
    { account: 'refunds_payable', direction: 'credit' },
  ],
  /** The provider has given it back, of what it owed to us. */
  refund_succeeded: [
    { account: 'refunds_payable', direction: 'debit' },
    { account: 'provider_receivable', direction: 'credit' },
  ],
  /** It came to nothing before any money went back. */
  refund_undone: [
    { account: 'refunds_payable', direction: 'debit' },
    { account: 'refunds', direction: 'credit' },
  ],
  /** The payer's bank has sent it back. */
  refund_returned: [
    { account: 'provider_receivable', direction: 'debit' },
    { account: 'refunds', direction: 'credit' },
  ],
  /** The provider has taken back what is disputed. */
  funds_withdrawn: [
    { account: 'disputes_receivable', direction: 'debit' },
    { account: 'provider_receivable', direction: 'credit' },
  ],
  /** And has given it to us again. */
  funds_reinstated: [
    { account: 'provider_receivable', direction: 'debit' },
    { account: 'disputes_receivable', direction: 'credit' },
  ],
  /** Nobody will give it to us again. */
  dispute_lost: [
    { account: 'dispute_losses', direction: 'debit' },
    { account: 'disputes_receivable', direction: 'credit' },
  ],
  /** Somebody did nevertheless: an appeal was won. */
  loss_recovered: [
    { account: 'provider_receivable', direction: 'debit' },
    { account: 'dispute_losses', direction: 'credit' },
  ],
} as const satisfies Record<string, readonly Side[]>;

export type LedgerEvent = keyof typeof POSTINGS;

/** Which fact is taken back by which. */
export const REVERSALS: Readonly<Partial<Record<LedgerEvent, LedgerEvent>>> = {
  refund_undone: 'refund_requested',
  funds_reinstated: 'funds_withdrawn',
};
