import { createHmac } from 'node:crypto';

/** What is sent in one attempt. */
export interface SignedHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/**
 * The headers over a body, by which a receiver knows whom it is from, and when.
 * @param id - the event's: the same at every attempt, so that a receiver can tell what it has had.
 * @param at - seconds of the epoch, of this attempt.
 * @param secrets - two while they are rotated: a receiver takes either signature.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signedHeaders(id: string, at: number, body: Buffer, secrets: readonly Buffer[]): SignedHeaders {
  const signatures = secrets.map((secret) => {
    const mac = createHmac('sha256', secret).update(`${id}.${at}.`).update(body);
    return `v1,${mac.digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': `${at}`, 'webhook-signature': signatures.join(' ') };
}
