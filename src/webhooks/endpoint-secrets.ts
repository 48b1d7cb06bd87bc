import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Keyring } from '../common/keyring.js';
import { SECRETS_PURPOSE, type WebhookEndpoint } from './webhook-endpoint.entity.js';

/** Standard Webhooks wants 24 to 64. */
const SECRET_BYTES = 32;

type SealedSecrets = Pick<WebhookEndpoint, 'secrets' | 'key_id'>;
type StoredSecrets = Pick<WebhookEndpoint, 'id' | 'secrets' | 'key_id' | 'previous_expires_at'>;

/** In the order in which they were made, the newest first. */
type Secrets = readonly Buffer[];

/** What an endpoint's deliveries are signed with: made, sealed, and opened again for each attempt. */
@Injectable()
export class EndpointSecrets {
  constructor(private readonly keyring: Keyring) {}

  /** A first secret. */
  make(id: string): SealedSecrets & { readonly secret: string } {
    return this.sealed(id, [randomBytes(SECRET_BYTES)]);
  }

  /** Another one in front of the current one; whichever went on before that is over. */
  rotate(endpoint: StoredSecrets): SealedSecrets & { readonly secret: string } {
    const [current] = this.opened(endpoint);
    return this.sealed(endpoint.id, [randomBytes(SECRET_BYTES), ...(current ? [current] : [])]);
  }

  /** Those that are in force. @throws {UnsealableError} */
  inForce(endpoint: StoredSecrets): Secrets {
    const both = (endpoint.previous_expires_at?.getTime() ?? 0) > Date.now();
    return this.opened(endpoint).slice(0, both ? 2 : 1);
  }

  private sealed(id: string, secrets: Secrets): SealedSecrets & { readonly secret: string } {
    const texts = secrets.map((one) => one.toString('base64'));
    const { sealed, key_id } = this.keyring.seal(SECRETS_PURPOSE, JSON.stringify(texts), id);
    return { secrets: sealed, key_id, secret: `whsec_${texts[0]}` };
  }

  private opened({ id, secrets, key_id }: StoredSecrets): Secrets {
    const texts = JSON.parse(this.keyring.open(SECRETS_PURPOSE, key_id, secrets, id).toString()) as string[];
    return texts.map((text) => Buffer.from(text, 'base64'));
  }
}
