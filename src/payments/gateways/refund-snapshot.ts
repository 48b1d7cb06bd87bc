/** How a refund stands. The same as Stripe has; one that succeeded can fail still, when the payer's bank returns it. */
export const REFUND_STATUSES = ['pending', 'requires_action', 'succeeded', 'failed', 'canceled'] as const;
export type RefundStatus = (typeof REFUND_STATUSES)[number];

/** The provider's refund as it was when it was fetched. Amounts are ours: in ISO 4217's minor unit. */
export interface RefundSnapshot {
  readonly provider_refund_id: string;
  /** Ours, as we gave it when the refund was made; null for one that was made at the provider. */
  readonly refund_id: string | null;
  /** The provider's id of the payment. */
  readonly provider_payment_id: string;
  readonly livemode: boolean;
  /** Null where it is no amount that we could have asked for. */
  readonly amount: number | null;
  /** In upper case. */
  readonly currency: string;
  /** Null where the provider says something that nobody here has heard of. */
  readonly status: RefundStatus | null;
  readonly reason: string | null;
  /** In the provider's words. */
  readonly failure_code: string | null;
}

/** What the provider is told when money is to go back; frozen in the journal. */
export interface RefundRequest {
  readonly refund_id: string;
  readonly payment_id: string;
  readonly tenant_id: string;
  readonly amount: number;
  readonly currency: string;
  readonly reason: string | null;
}
