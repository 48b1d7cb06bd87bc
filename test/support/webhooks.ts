import { Keyring } from '../../src/common/keyring.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { BODY_PURPOSE } from '../../src/webhooks/deliveries/webhook-delivery.entity.js';
import { EndpointSecrets } from '../../src/webhooks/endpoint-secrets.js';
import type { TestApp } from './app.js';

interface Owner {
  readonly id: string;
  readonly tenant_id: string;
}

/** An endpoint of somebody's tenant. A disabled one: nobody is asked. */
export async function insertEndpoint(app: TestApp, { tenant_id }: Owner): Promise<string> {
  const id = uuidv7();
  const { secrets, key_id } = app.app.get(EndpointSecrets, { strict: false }).make(id);
  await app.sql(
    `INSERT INTO webhook_endpoints (id, tenant_id, url, events, status, disabled_reason, secrets, key_id)
     VALUES ($1, $2, 'https://receiver.invalid/', '{payment.*}', 'disabled', 'admin', $3, $4)`,
    [id, tenant_id, secrets, key_id],
  );
  return id;
}

/** What somebody's tenant was told of that person, at an endpoint of its own. */
export async function insertDelivery(app: TestApp, owner: Owner): Promise<string> {
  const [id, endpoint_id] = [uuidv7(), await insertEndpoint(app, owner)];
  const { sealed, key_id } = app.app.get(Keyring).seal(BODY_PURPOSE, '{"type":"payment.created"}', id);
  await app.sql(
    `INSERT INTO webhook_deliveries (id, tenant_id, endpoint_id, event_id, type, subject_id, body, key_id)
     VALUES ($1, $2, $3, $4, 'payment.created', $5, $6, $7)`,
    [id, owner.tenant_id, endpoint_id, uuidv7(), owner.id, sealed, key_id],
  );
  return id;
}
