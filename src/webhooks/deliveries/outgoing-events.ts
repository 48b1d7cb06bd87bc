import { Injectable } from '@nestjs/common';
import { Keyring } from '../../common/keyring.js';
import { traceparent } from '../../common/trace.js';
import { uuidv7 } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import { Outbox } from '../../database/outbox.js';
import { OnPaymentEvent, type EventOrigin } from '../../payments/payment-events.js';
import { WebhookEndpointsRepository } from '../endpoints.repository.js';
import { subscriptionsTo } from '../event-types.js';
import { WebhookDeliveriesRepository } from './deliveries.repository.js';
import { BODY_PURPOSE } from './webhook-delivery.entity.js';

/** What is told outside of something that happened: these fields, in this order. */
interface OutgoingEvent {
  readonly type: string;
  readonly timestamp: string;
  readonly data: object;
}

/** Makes a delivery of each event for each endpoint of its tenant that wants to hear of it. */
@Injectable()
export class OutgoingEvents {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly endpoints: WebhookEndpointsRepository,
    private readonly deliveries: WebhookDeliveriesRepository,
    private readonly keyring: Keyring,
  ) {}

  /** However often an event is told, an endpoint has one delivery of it: those that are enabled at one of these times. */
  @OnPaymentEvent({})
  async follow({ type, timestamp, data }: OutgoingEvent, origin: EventOrigin): Promise<void> {
    const subscriptions = subscriptionsTo(type);
    if (subscriptions.length === 0) return;
    const body = JSON.stringify({ type, timestamp, data } satisfies OutgoingEvent);
    await this.database.asTenant(origin.tenant_id, () =>
      this.database.transaction(async () => {
        // Whoever is deleted meanwhile takes the event along: nothing of it is written down again.
        if (origin.subject_id) await this.deliveries.holdSubject(origin.subject_id);
        if (!(await this.outbox.isWaiting(origin.id))) return;
        const endpoint_ids = await this.endpoints.findSubscribed(origin.tenant_id, subscriptions);
        for (const endpoint_id of endpoint_ids) await this.write(endpoint_id, { type, body }, origin);
      }),
    );
  }

  private async write(
    endpoint_id: string,
    { type, body }: { readonly type: string; readonly body: string },
    { id: event_id, tenant_id, subject_id }: EventOrigin,
  ): Promise<void> {
    const id = uuidv7();
    const { sealed, key_id } = this.keyring.seal(BODY_PURPOSE, body, id);
    const about = { id, tenant_id, endpoint_id, event_id, type, subject_id };
    await this.deliveries.insert({ ...about, body: sealed, key_id, traceparent: traceparent() });
  }
}
