import { parseJson } from '../../common/json-body.js';
import type { ProviderEvent } from '../gateways/payment.gateway.js';
import { WebhookSignatureInvalidError } from '../provider-events/signature.js';
import { ourId } from './stripe-snapshots.js';

/** What an event can be about, by Stripe's name for the object. */
const OBJECTS: Readonly<Record<string, ProviderEvent['object']>> = {
  payment_intent: 'payment',
  refund: 'refund',
  dispute: 'dispute',
};

/** By the type: a charge, too, has events, and tells nothing that its intent does not. */
const TYPES = /^(payment_intent\.|refund\.|charge\.refund\.updated$|charge\.dispute\.)/;

interface Event {
  readonly id?: unknown;
  readonly type?: unknown;
  readonly livemode?: unknown;
  readonly data?: { readonly object?: { id?: unknown; object?: unknown; metadata?: Record<string, string> } };
}

/**
 * What a signed event is about. Which version of the API it is written in does not matter: no more is read of it than the
 * names, and what is behind them is fetched.
 * @returns null for what concerns nothing of ours; an intent of ours says so from its first moment.
 * @throws {WebhookSignatureInvalidError} it is of the other mode.
 */
export function eventOf(body: Buffer, mode: boolean): ProviderEvent | null {
  const { id, type, livemode, data } = (parseJson(body) ?? {}) as Event;
  if (livemode !== mode) throw new WebhookSignatureInvalidError();
  const { id: object_id, object: name, metadata } = data?.object ?? {};
  if (typeof id !== 'string' || typeof type !== 'string' || typeof object_id !== 'string') return null;
  const object = TYPES.test(type) && typeof name === 'string' ? OBJECTS[name] : undefined;
  if (!object || (object === 'payment' && !ourId(metadata, 'payment_id'))) return null;
  return { id, type, object, object_id, livemode: mode, tenant_id: ourId(metadata, 'tenant_id') };
}
