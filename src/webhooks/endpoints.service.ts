import { Injectable } from '@nestjs/common';
import { tenantToList, type Principal } from '../common/access.js';
import { emptyPage, type Page } from '../common/pagination.js';
import { uuidv7 } from '../common/uuid.js';
import { Timings } from '../config/timings.js';
import { Database } from '../database/database.js';
import { EndpointDecisions } from './endpoint-decisions.js';
import { EndpointSecrets } from './endpoint-secrets.js';
import type { WebhookEndpointCreate, WebhookEndpointQuery, WebhookEndpointUpdate } from './endpoints.dto.js';
import { tooManyEndpoints, WebhookEndpointNotFoundError } from './endpoints.errors.js';
import { WebhookEndpointsRepository } from './endpoints.repository.js';
import { ALL_EVENTS } from './event-types.js';
import { Targets } from './targets/targets.js';
import { WebhookEndpoint, type MadeEndpoint } from './webhook-endpoint.entity.js';

/** So many a tenant may have: each event goes to every one of them. */
const MOST_ENDPOINTS = 20;

/** Where a tenant's events go: named, changed and removed by its admins. */
@Injectable()
export class WebhookEndpointsService {
  constructor(
    private readonly endpoints: WebhookEndpointsRepository,
    private readonly secrets: EndpointSecrets,
    private readonly targets: Targets,
    private readonly decisions: EndpointDecisions,
    private readonly database: Database,
    private readonly timings: Timings,
  ) {}

  /** A page of one tenant's endpoints: the caller's, or the one that a platform admin names. */
  async list(actor: Principal, query: WebhookEndpointQuery): Promise<Page<WebhookEndpoint>> {
    const tenant_id = tenantToList(actor, query.tenant_id);
    if (tenant_id === null) return emptyPage(query);
    const found = await this.database.asTenant(tenant_id, () => this.endpoints.list(tenant_id, query));
    return { ...found, page: query.page, per_page: query.per_page };
  }

  /** @throws {WebhookEndpointNotFoundError} none within reach. */
  async get(actor: Principal, id: string): Promise<WebhookEndpoint> {
    const endpoint = await this.database.asPrincipal(actor, () => this.endpoints.find(id));
    if (!endpoint) throw new WebhookEndpointNotFoundError(id);
    return endpoint;
  }

  /**
   * Events that happen from now on go there.
   * @param given - without `events`, all of them.
   * @returns the endpoint with its secret, which nobody sees again.
   * @throws {ValidationError} the address may not be asked, or the tenant has enough endpoints.
   * @throws {InsufficientPermissionsError} the actor's rights were taken away meanwhile.
   */
  create(actor: Principal, { url, events, description }: WebhookEndpointCreate): Promise<MadeEndpoint> {
    this.targets.assertAllowed(url);
    return this.decisions.decide(actor, async () => {
      const { tenant_id } = actor;
      if ((await this.endpoints.count(tenant_id)) >= MOST_ENDPOINTS) throw tooManyEndpoints(MOST_ENDPOINTS);
      const id = uuidv7();
      const { secret, ...sealed } = this.secrets.make(id);
      const wanted = { events: events ?? [...ALL_EVENTS], description: description ?? null };
      const given = { tenant_id, url, ...wanted, ...sealed };
      const endpoint = newEndpoint(id, given);
      await this.endpoints.insert(endpoint);
      await this.decisions.record('webhook_endpoint_created', endpoint);
      return Object.assign(endpoint, { secret });
    });
  }

  /**
   * Fields that are left out stay as they are. What waits goes to the new address, and at once where the endpoint is
   * enabled again.
   * @throws {WebhookEndpointNotFoundError} none within reach.
   * @throws {ValidationError} the address may not be asked.
   * @throws {InsufficientPermissionsError} the actor's rights were taken away meanwhile.
   */
  update(actor: Principal, id: string, requested: WebhookEndpointUpdate): Promise<WebhookEndpoint> {
    if (requested.url !== undefined) this.targets.assertAllowed(requested.url);
    return this.decisions.decide(actor, async () => {
      const endpoint = await this.lock(id);
      const { status, ...rest } = differences(endpoint, requested);
      const fields = Object.keys(rest);
      if (!status && fields.length === 0) return endpoint;
      const disabled_reason = status === 'disabled' ? ('admin' as const) : null;
      if (status === 'disabled') await this.endpoints.holdAttempts(); // Once this is answered none begins.
      const changed = await this.endpoints.update(id, { ...rest, ...(status && { status, disabled_reason }) });
      if (status === 'enabled') await this.endpoints.hurry(id);
      if (status) await this.decisions.record(`webhook_endpoint_${status}`, endpoint, { changes: ['status'] });
      if (fields.length > 0) await this.decisions.record('webhook_endpoint_updated', endpoint, { changes: fields });
      return changed;
    });
  }

  /**
   * Puts another secret in the place of the current one, beside which it signs for a day: receivers take either.
   * @returns the endpoint with its new secret, which nobody sees again.
   * @throws {WebhookEndpointNotFoundError} none within reach.
   * @throws {InsufficientPermissionsError} the actor's rights were taken away meanwhile.
   */
  rotate(actor: Principal, id: string): Promise<MadeEndpoint> {
    return this.decisions.decide(actor, async () => {
      const endpoint = await this.lock(id);
      const { secret, ...sealed } = this.secrets.rotate(endpoint);
      const previous_expires_at = new Date(Date.now() + this.timings.webhook_overlap_ms);
      const rotated = await this.endpoints.update(id, { ...sealed, previous_expires_at });
      await this.decisions.record('webhook_endpoint_rotated', endpoint);
      return Object.assign(rotated, { secret });
    });
  }

  /**
   * What waits for it goes with it.
   * @throws {WebhookEndpointNotFoundError} none within reach.
   * @throws {InsufficientPermissionsError} the actor's rights were taken away meanwhile.
   */
  delete(actor: Principal, id: string): Promise<void> {
    return this.decisions.decide(actor, async () => {
      const endpoint = await this.lock(id);
      await this.endpoints.delete(id);
      await this.decisions.record('webhook_endpoint_deleted', endpoint);
    });
  }

  private async lock(id: string): Promise<WebhookEndpoint> {
    const endpoint = await this.endpoints.lock(id);
    if (!endpoint) throw new WebhookEndpointNotFoundError(id);
    return endpoint;
  }
}

type Given = Pick<WebhookEndpoint, 'tenant_id' | 'url' | 'events' | 'description' | 'secrets' | 'key_id'>;

function newEndpoint(id: string, given: Given): WebhookEndpoint {
  const now = new Date();
  return Object.assign(new WebhookEndpoint(), {
    id,
    ...given,
    status: 'enabled',
    disabled_reason: null,
    previous_expires_at: null,
    created_at: now,
    updated_at: now,
  } satisfies WebhookEndpoint);
}

type Fields = Partial<Pick<WebhookEndpoint, 'url' | 'events' | 'description' | 'status'>>;

/** Only what is really to change: repeating what is there already asks for nothing. */
function differences(endpoint: WebhookEndpoint, { url, events, description, status }: WebhookEndpointUpdate): Fields {
  const asked = Object.entries({ url, events, description, status });
  return Object.fromEntries(
    asked.filter(([field, value]) => value !== undefined && !isSame(value, endpoint[field as keyof Fields])),
  );
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
