/** What goes wrong on the way to the bank and back. */
export const FAULTS = [
  'drop_before',
  'drop_after',
  'half_response',
  'timeout',
  'server_error',
  'error_but_done',
  'rate_limited',
  'slow',
] as const;
export type Fault = (typeof FAULTS)[number];

/** How the bank tells of it. */
export type Manner =
  | 'plain'
  | 'duplicate'
  | 'reordered'
  | 'never'
  | 'before_response'
  | 'bad_signature'
  | 'stale_timestamp';

/** What a payer does at the bank about a payment: complains, or asks first; and how it ends. */
export type DisputeStep = 'open' | 'inquire' | 'win' | 'lose';

export interface Decline {
  readonly code: string;
  readonly decline_code: string | null;
}

/** How the bank behaves when it is given a payment method. */
export interface MagicMethod {
  readonly id: string;
  /** The test method of Stripe that does the same, where there is one. */
  readonly alias: string | null;
  readonly description: string;
  readonly outcome: 'succeed' | 'decline' | 'authenticate' | 'process';
  /** With `authenticate` and `process`: what comes after. */
  readonly after: 'succeed' | 'decline';
  readonly decline: Decline;
  readonly fault: Fault | null;
  readonly manner: Manner;
  /** What the bank's answers say that is not true. */
  readonly lie: 'amount' | 'currency' | 'status' | null;
  /** What becomes of refunds. */
  readonly refund: 'succeeds' | 'waits' | 'fails_later';
  readonly refund_fault: Fault | null;
  readonly dispute: readonly DisputeStep[];
  /** How long it keeps an authorisation. */
  readonly hold_hours: number;
}

const GENERIC: Decline = { code: 'card_declined', decline_code: 'generic_decline' };

const STANDARD: Omit<MagicMethod, 'id' | 'description'> = {
  alias: null,
  outcome: 'succeed',
  after: 'succeed',
  decline: GENERIC,
  fault: null,
  manner: 'plain',
  lie: null,
  refund: 'succeeds',
  refund_fault: null,
  dispute: [],
  hold_hours: 7 * 24,
};

const method = (id: string, description: string, changes: Partial<MagicMethod> = {}): MagicMethod => ({
  ...STANDARD,
  id: `pm_sim_${id}`,
  description,
  ...changes,
});

const declined = (id: string, alias: string | null, code: string, decline_code: string | null): MagicMethod =>
  method(id, `Declined: ${decline_code ?? code}`, { alias, outcome: 'decline', decline: { code, decline_code } });

const ALIAS = 'pm_card_visa_chargeDeclined';

/** Every path that a payment can take, each at the price of one word. */
export const MAGIC_METHODS: readonly MagicMethod[] = [
  method('success', 'Succeeds', { alias: 'pm_card_visa' }),
  declined('declined', ALIAS, 'card_declined', 'generic_decline'),
  declined('insufficient_funds', `${ALIAS}InsufficientFunds`, 'card_declined', 'insufficient_funds'),
  declined('lost_card', `${ALIAS}LostCard`, 'card_declined', 'lost_card'),
  declined('expired_card', `${ALIAS}ExpiredCard`, 'expired_card', null),
  declined('incorrect_cvc', `${ALIAS}IncorrectCvc`, 'incorrect_cvc', null),
  declined('processing_error', `${ALIAS}ProcessingError`, 'processing_error', null),
  declined('velocity', `${ALIAS}VelocityLimitExceeded`, 'card_declined', 'card_velocity_exceeded'),
  method('3ds_required', 'Wants the payer at the page in `next_action.url`, then succeeds', {
    alias: 'pm_card_threeDSecure2Required',
    outcome: 'authenticate',
  }),
  method('3ds_then_declined', 'Wants the payer at the page, then is declined', {
    outcome: 'authenticate',
    after: 'decline',
  }),
  method('processing_succeeds', 'Takes a while, then succeeds', { outcome: 'process' }),
  method('processing_fails', 'Takes a while, then is declined', { outcome: 'process', after: 'decline' }),
  method('timeout_after_charge', 'Takes the money and never answers', { fault: 'timeout' }),
  method('drop_before_charge', 'Breaks the connection before anything is done, the first time', {
    fault: 'drop_before',
  }),
  method('drop_after_charge', 'Takes the money, then breaks the connection', { fault: 'drop_after' }),
  method('half_response', 'Takes the money, then sends half an answer', { fault: 'half_response' }),
  method('500_then_success', 'Fails the first time, then succeeds', { fault: 'server_error' }),
  method('500_but_charged', 'Takes the money, and says that it failed as often as it is asked', {
    fault: 'error_but_done',
  }),
  method('429', 'Is too busy the first time, then succeeds', { fault: 'rate_limited' }),
  method('slow_5s', 'Succeeds after five seconds', { fault: 'slow' }),
  method('webhook_duplicate', 'Succeeds, and tells so five times', { manner: 'duplicate' }),
  method('webhook_reordered', 'Succeeds, and tells the end before the beginning', { manner: 'reordered' }),
  method('webhook_never', 'Takes a while and succeeds, and never tells', { outcome: 'process', manner: 'never' }),
  method('webhook_before_response', 'Succeeds, and tells so before it answers', { manner: 'before_response' }),
  method('webhook_bad_signature', 'Succeeds, and tells so with a signature that is wrong', { manner: 'bad_signature' }),
  method('webhook_stale_timestamp', 'Succeeds, and tells so as if an hour ago', { manner: 'stale_timestamp' }),
  method('amount_mismatch', 'Says that it took another amount: needs review', { lie: 'amount' }),
  method('currency_mismatch', 'Says that it took another currency: needs review', { lie: 'currency' }),
  method('unknown_status', 'Says something that nobody has heard of: needs review', { lie: 'status' }),
  method('refund_pending', 'Succeeds; a refund of it takes a while', {
    alias: 'pm_card_pendingRefund',
    refund: 'waits',
  }),
  method('refund_fails_later', 'Succeeds; a refund of it succeeds, and is returned after a while', {
    alias: 'pm_card_refundFail',
    refund: 'fails_later',
  }),
  method('refund_timeout', 'Succeeds; a refund of it is made and never answered', { refund_fault: 'timeout' }),
  method('dispute', 'Succeeds, and is disputed after a while: the money is withdrawn', {
    alias: 'pm_card_createDispute',
    dispute: ['open'],
  }),
  method('dispute_won', 'Succeeds, is disputed, and won: the money comes back', { dispute: ['open', 'win'] }),
  method('dispute_lost', 'Succeeds, is disputed, and lost', { dispute: ['open', 'lose'] }),
  method('inquiry', 'Succeeds, and its payer asks about it: no money is withdrawn', { dispute: ['inquire'] }),
  method('auth_expires', 'With `capture_method: manual`: the authorisation lapses after an hour', { hold_hours: 1 }),
];

const BY_ID = new Map(
  MAGIC_METHODS.flatMap((one): [string, MagicMethod][] => [
    [one.id, one],
    ...(one.alias ? [[one.alias, one] as [string, MagicMethod]] : []),
  ]),
);

export const findMethod = (id: string | null): MagicMethod | null => BY_ID.get(id ?? '') ?? null;
