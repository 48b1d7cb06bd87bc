/** What a payment waits for, or how it ended. The same seven as Stripe has. */
export const PAYMENT_STATUSES = [
  'requires_confirmation',
  'processing',
  'requires_action',
  'requires_payment_method',
  'requires_capture',
  'succeeded',
  'canceled',
] as const;
export type PaymentStatus = (typeof PAYMENT_STATUSES)[number];

/** What our payment makes of a status that the provider shows. */
export type Verdict =
  /** The provider is ahead: follow. */
  | 'follow'
  /** Nothing new, or older news. */
  | 'ignore'
  /** Against all that was known: where it is no older news, a person must look. */
  | 'conflict';

type Row = Readonly<Record<PaymentStatus, Verdict>>;

const row = (...verdicts: Verdict[]): Row =>
  Object.fromEntries(PAYMENT_STATUSES.map((status, at) => [status, verdicts[at]])) as Row;

/**
 * The state machine, as data: ours at the left, the provider's in the order of {@link PAYMENT_STATUSES}. The API, webhooks
 * and the reconciler all move a payment by this table and by nothing else.
 */
export const TRANSITIONS: Readonly<Record<PaymentStatus, Row>> = {
  //                           confirmation, processing, action,     method,     capture,    succeeded,  canceled
  requires_confirmation: row('ignore', 'follow', 'follow', 'follow', 'follow', 'follow', 'follow'),
  processing: row('ignore', 'ignore', 'follow', 'follow', 'follow', 'follow', 'follow'),
  requires_action: row('ignore', 'ignore', 'ignore', 'follow', 'follow', 'follow', 'follow'),
  requires_payment_method: row('ignore', 'follow', 'follow', 'ignore', 'follow', 'follow', 'follow'),
  requires_capture: row('conflict', 'conflict', 'conflict', 'conflict', 'ignore', 'follow', 'follow'),
  succeeded: row('conflict', 'conflict', 'conflict', 'conflict', 'conflict', 'ignore', 'conflict'),
  canceled: row('conflict', 'conflict', 'conflict', 'conflict', 'conflict', 'conflict', 'ignore'),
};

/** What a client may ask for. */
export const COMMANDS = ['confirm', 'capture', 'cancel'] as const;
export type Command = (typeof COMMANDS)[number];

/** `attempt`: another try is under way; `no`: never from here. */
export type Permission = 'yes' | 'attempt' | 'no';

/** Which command has a meaning in which state. Whether it wins is for the provider to say. */
export const PERMISSIONS: Readonly<Record<PaymentStatus, Readonly<Record<Command, Permission>>>> = {
  requires_confirmation: { confirm: 'yes', capture: 'no', cancel: 'yes' },
  processing: { confirm: 'attempt', capture: 'no', cancel: 'yes' },
  requires_action: { confirm: 'attempt', capture: 'no', cancel: 'yes' },
  requires_payment_method: { confirm: 'yes', capture: 'no', cancel: 'yes' },
  requires_capture: { confirm: 'no', capture: 'yes', cancel: 'yes' },
  succeeded: { confirm: 'no', capture: 'no', cancel: 'no' },
  canceled: { confirm: 'no', capture: 'no', cancel: 'no' },
};

export const isSettled = (status: PaymentStatus): boolean => status === 'succeeded' || status === 'canceled';
