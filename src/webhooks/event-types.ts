/** What an integrator can hear of. */
export const EVENT_TYPES = [
  'payment.created',
  'payment.processing',
  'payment.requires_action',
  'payment.requires_payment_method',
  'payment.requires_capture',
  'payment.succeeded',
  'payment.canceled',
  'refund.created',
  'refund.updated',
  'refund.succeeded',
  'refund.failed',
  'dispute.opened',
  'dispute.updated',
  'dispute.closed',
] as const;

/** Whole families of events: together, all of them. */
export const ALL_EVENTS = ['payment.*', 'refund.*', 'dispute.*'] as const;

/** What an endpoint can ask for. */
export const SUBSCRIPTIONS = [...EVENT_TYPES, ...ALL_EVENTS] as const;
export type Subscription = (typeof SUBSCRIPTIONS)[number];

/** By which subscriptions an endpoint hears of an event of this type; by none of what is no event for the outside. */
export function subscriptionsTo(type: string): Subscription[] {
  const known = EVENT_TYPES.find((one) => one === type);
  const family = ALL_EVENTS.find((one) => type.startsWith(one.slice(0, -1)));
  return known && family ? [known, family] : [];
}
