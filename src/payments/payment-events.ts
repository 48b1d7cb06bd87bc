import { Injectable, Logger } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { Hooks } from '../common/hooks.js';
import { DeliversOutbox, type OutboxEntry, type OutboxMessage } from '../database/outbox.js';
import type { DisputeResponse } from './disputes/disputes.dto.js';
import type { PaymentStatus } from './payment-states.js';
import type { Payment } from './payment.entity.js';
import type { PaymentResponse } from './payments.dto.js';
import type { RefundResponse } from './refunds/refunds.dto.js';

/** The outbox's topic, and the queue, of what happens to payments, their refunds and their disputes. */
export const PAYMENT_EVENTS = 'payments';

/** What happened, and how the thing stood then. */
interface Happening<Type extends string, Data> {
  readonly type: Type;
  readonly timestamp: string;
  /** The thing's own, after it: its events may come in any order, and this is the one that they had. */
  readonly version: number;
  /** The payment that it is about; of an event of a payment its own id. */
  readonly payment_id: string;
  readonly data: Data;
}

export type ChargeEvent = Happening<'payment.created' | `payment.${PaymentStatus}`, PaymentResponse>;
export type RefundEvent = Happening<`refund.${'created' | 'updated' | 'succeeded' | 'failed'}`, RefundResponse>;
export type DisputeEvent = Happening<`dispute.${'opened' | 'updated' | 'closed'}`, DisputeResponse>;

/** That something happened to a payment, or to a refund or a dispute of one. `type` tells which. */
export type PaymentEvent = ChargeEvent | RefundEvent | DisputeEvent;

/** Which event it is, whose and about whom: the same however often it is told. */
export type EventOrigin = Pick<OutboxMessage, 'id' | 'tenant_id' | 'subject_id'>;

/**
 * Marks a method `(event: PaymentEvent, origin: EventOrigin) => Promise<void>` that must hear of every step of every
 * payment, refund and dispute. It is called in the background, at least once, and events may come in any order: `version`
 * tells. An event is told to all of them again until none throws.
 */
export const OnPaymentEvent = DiscoveryService.createDecorator<Record<never, never>>();

type Listener = (event: PaymentEvent, origin: EventOrigin) => Promise<void>;

/** What of a happening only its maker knows. */
type Told<Event> = Event extends PaymentEvent ? Pick<Event, 'type' | 'data'> : never;

/**
 * The fact of a step, once for each version of a thing.
 * @param payment - whose owner it concerns.
 * @param thing - the payment itself, or the refund or dispute of it that has moved.
 */
export const factOf = (
  payment: Payment,
  thing: { readonly id: string; readonly version: number },
  told: Told<PaymentEvent>,
): OutboxEntry => ({
  topic: PAYMENT_EVENTS,
  tenant_id: payment.tenant_id,
  subject_id: payment.owner_id,
  dedupe_key: `${thing.id}:${thing.version}`,
  payload: {
    ...told,
    timestamp: new Date().toISOString(),
    version: thing.version,
    payment_id: payment.id,
  } as PaymentEvent,
});

/** Tells whoever wants to know what happens to payments, so that payments need not know who that is. */
@Injectable()
export class PaymentEvents {
  private readonly logger = new Logger(PaymentEvents.name);

  constructor(private readonly hooks: Hooks) {}

  @DeliversOutbox(PAYMENT_EVENTS)
  async deliver({ payload, ...origin }: OutboxMessage<PaymentEvent>): Promise<void> {
    const { type, data, payment_id, version } = payload;
    this.logger.debug({ msg: type, payment_id, id: data.id, version });
    const failures: unknown[] = [];
    for (const { handle } of this.hooks.find<Record<never, never>, Listener>(OnPaymentEvent)) {
      // One that cannot listen just now keeps nobody else from hearing of it.
      await handle(payload, origin).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
