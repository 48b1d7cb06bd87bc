export type Decline = readonly [code: string, decline_code: string | undefined];

/** Stripe's test methods, as far as anybody here pays by them. */
export const METHODS: Readonly<
  Record<string, { type?: string; outcome: 'succeed' | 'decline' | 'act' | 'wait'; decline?: Decline }>
> = {
  pm_card_visa: { outcome: 'succeed' },
  pm_card_pendingRefund: { outcome: 'succeed' },
  pm_card_visa_chargeDeclined: { outcome: 'decline', decline: ['card_declined', 'generic_decline'] },
  pm_card_visa_chargeDeclinedInsufficientFunds: {
    outcome: 'decline',
    decline: ['card_declined', 'insufficient_funds'],
  },
  pm_card_chargeDeclinedExpiredCard: { outcome: 'decline', decline: ['expired_card', undefined] },
  pm_card_threeDSecure2Required: { outcome: 'act' },
  pm_usBankAccount_success: { outcome: 'wait', type: 'us_bank_account' },
};
