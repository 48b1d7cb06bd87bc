/** Where the disputed money is: still ours, taken back by the provider, or given to us again. */
export const DISPUTE_FUNDS = ['held', 'withdrawn', 'reinstated'] as const;
export type DisputeFunds = (typeof DISPUTE_FUNDS)[number];

/** The provider's dispute as it was when it was fetched. Amounts are ours: in ISO 4217's minor unit. */
export interface DisputeSnapshot {
  readonly provider_dispute_id: string;
  /** The provider's id of the payment. */
  readonly provider_payment_id: string;
  readonly livemode: boolean;
  /** Null where it is no amount that we could have asked for. */
  readonly amount: number | null;
  /** In upper case. */
  readonly currency: string;
  /** The provider's own word: an open list, which Stripe lengthens now and then. */
  readonly status: string;
  /** Nobody will change it any more. */
  readonly closed: boolean;
  readonly lost: boolean;
  readonly funds: DisputeFunds;
  readonly reason: string;
  readonly evidence_due_at: Date | null;
}
