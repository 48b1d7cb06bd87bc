import { Injectable } from '@nestjs/common';
import { Keyring } from '../../common/keyring.js';
import { traceparent } from '../../common/trace.js';
import { Settings } from '../../config/settings.js';
import { EndpointSecrets } from '../endpoint-secrets.js';
import { signedHeaders } from '../standard-webhooks.js';
import { Sender } from '../targets/sender.js';
import type { Begun } from './courier.repository.js';
import { BODY_PURPOSE } from './webhook-delivery.entity.js';

/** What one attempt sends: the same body each time, signed anew. */
@Injectable()
export class Letters {
  private readonly sender_name: string;

  constructor(
    private readonly keyring: Keyring,
    private readonly secrets: EndpointSecrets,
    private readonly sender: Sender,
    { APP_VERSION }: Settings,
  ) {
    this.sender_name = `Omni/${APP_VERSION.replaceAll(/[^\x21-\x7e]/g, '-')}`;
  }

  /** @returns the status of the answer. @throws what kept it from being answered. */
  async post({ id, event_id, body: sealed, key_id, endpoint }: Begun, signal: AbortSignal): Promise<number> {
    const body = this.keyring.open(BODY_PURPOSE, key_id, sealed, id);
    const now = Math.trunc(Date.now() / 1_000);
    const signed = signedHeaders(event_id, now, body, this.secrets.inForce(endpoint));
    const parent = traceparent();
    const headers = {
      'content-type': 'application/json',
      'user-agent': this.sender_name,
      ...signed,
      ...(parent && { traceparent: parent }),
    };
    return this.sender.post(endpoint.url, headers, body, signal);
  }
}
