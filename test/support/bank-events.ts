import { randomUUID } from 'node:crypto';
import { Keyring } from '../../src/common/keyring.js';
import { sign } from '../../src/payments/provider-events/signature.js';
import type { TestApp } from './app.js';
import type { Answer } from './client.js';

export const nowInSeconds = (): number => Math.floor(Date.now() / 1_000);

/** What the bank tells of a payment: no more than which one. */
export const eventOf = (
  payment: { readonly provider_payment_id: string },
  id = `evt_${randomUUID()}`,
  type = 'payment_intent.succeeded',
): object => ({
  id,
  type,
  livemode: false,
  data: { object: { id: payment.provider_payment_id, object: 'payment_intent', metadata: {} } },
});

export interface Bringing {
  /** How long ago it was signed. */
  readonly age_s?: number;
  readonly by?: string | Buffer;
  /** What the signature is over, where that is not the body. */
  readonly over?: string;
}

/** Brings an event as the bank would, or nearly so. */
export function bringTo(app: TestApp, event: object, bringing: Bringing = {}): Promise<Answer> {
  const { age_s = 0, by = app.app.get(Keyring).derive('simulator-webhooks'), over } = bringing;
  const body = JSON.stringify(event);
  const signature = sign(by, nowInSeconds() - age_s, Buffer.from(over ?? body));
  return app.send('POST', '/webhooks/simulator', { body, headers: { 'simulator-signature': signature } });
}
