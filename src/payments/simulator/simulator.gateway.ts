import { createHmac } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isId } from '../../common/fields.js';
import { parseJson } from '../../common/json-body.js';
import { Keyring } from '../../common/keyring.js';
import { Settings } from '../../config/settings.js';
import { BankDisputes } from '../bank/bank-disputes.js';
import { BankRefunds } from '../bank/bank-refunds.js';
import { disputeSnapshotOf, refundSnapshotOf, snapshotOf } from '../bank/bank-snapshot.js';
import { Bank } from '../bank/bank.js';
import type { Charge } from '../bank/bank.repository.js';
import { findMethod } from '../bank/payment-methods.js';
import type { DisputeSnapshot } from '../gateways/dispute-snapshot.js';
import {
  PaymentGateway,
  ProviderRejectedError,
  type CancelRequest,
  type CaptureRequest,
  type ConfirmRequest,
  type CreateRequest,
  type GatewayConfig,
  type PaymentSnapshot,
  type ProviderEvent,
  type Sending,
} from '../gateways/payment.gateway.js';
import type { RefundRequest, RefundSnapshot } from '../gateways/refund-snapshot.js';
import { toProvider } from '../money/provider-amounts.js';
import { verify, WebhookSignatureInvalidError } from '../provider-events/signature.js';
import { SimulatorWire, type Journey } from './simulator-wire.js';

export const SIGNATURE_HEADER = 'simulator-signature';

/** The bank's words for what an event is about, in ours. */
const OBJECTS: Readonly<Record<string, ProviderEvent['object']>> = {
  payment_intent: 'payment',
  refund: 'refund',
  dispute: 'dispute',
};

/** A bank in this very database, with all that can go wrong with banks. Takes no money from anybody. */
@Injectable()
export class SimulatorGateway extends PaymentGateway {
  readonly config: GatewayConfig = { provider: 'simulator', publishable_key: null, livemode: false };

  constructor(
    private readonly bank: Bank,
    private readonly bankRefunds: BankRefunds,
    private readonly bankDisputes: BankDisputes,
    private readonly wire: SimulatorWire,
    private readonly keyring: Keyring,
    private readonly settings: Settings,
  ) {
    super();
  }

  create(request: CreateRequest, sending: Sending): Promise<PaymentSnapshot> {
    const { amount, currency, ...rest } = request;
    const theirs = toProvider('simulator', amount, currency);
    if (theirs === null) throw new ProviderRejectedError('currency_unsupported');
    const wanted = { ...rest, amount: theirs, currency: currency.toLowerCase() };
    return this.perform('create', request, sending, (books) => this.bank.create(books, wanted));
  }

  confirm(id: string, request: ConfirmRequest, sending: Sending): Promise<PaymentSnapshot> {
    const { payment_method, return_url = null } = request;
    const work: Journey<Charge>['work'] = (books) => this.bank.confirm(books, id, payment_method, return_url);
    return this.perform('confirm', { id, ...request }, sending, work, findMethod(payment_method)?.fault);
  }

  async capture(id: string, request: CaptureRequest, sending: Sending): Promise<PaymentSnapshot> {
    const { currency } = await this.wire.known(() => this.bank.fetch(id));
    const amount = toProvider('simulator', request.amount, currency.toUpperCase());
    if (amount === null) throw new ProviderRejectedError('amount_too_small');
    return this.perform('capture', { id, ...request }, sending, (books) => this.bank.capture(books, id, amount));
  }

  cancel(id: string, request: CancelRequest, sending: Sending): Promise<PaymentSnapshot> {
    return this.perform('cancel', { id, ...request }, sending, (books) => this.bank.cancel(books, id, request.reason));
  }

  async fetch(id: string, signal: AbortSignal): Promise<PaymentSnapshot> {
    return this.snapshot(await this.wire.ask(signal, () => this.bank.fetch(id)));
  }

  async findByPayment(payment_id: string, signal: AbortSignal): Promise<PaymentSnapshot | null> {
    const charge = await this.wire.ask(signal, () => this.bank.findByPayment(payment_id));
    return charge && this.snapshot(charge);
  }

  async refund(id: string, request: RefundRequest, sending: Sending): Promise<RefundSnapshot> {
    const { refund_id, currency, reason } = request;
    const { payment_method } = await this.wire.known(() => this.bank.fetch(id));
    const amount = toProvider('simulator', request.amount, currency);
    if (amount === null) throw new ProviderRejectedError('amount_too_small');
    const made = await this.wire.perform(
      {
        operation: 'refund',
        request: { id, ...request },
        fault: findMethod(payment_method)?.refund_fault ?? null,
        work: (books) => this.bankRefunds.make(books, id, { refund_id, amount, reason }),
        about: () => ({ id, payment_method }),
      },
      sending,
    );
    return refundSnapshotOf(made);
  }

  async fetchRefund(id: string, signal: AbortSignal): Promise<RefundSnapshot> {
    return refundSnapshotOf(await this.wire.ask(signal, () => this.bankRefunds.fetch(id)));
  }

  async listRefunds(id: string, signal: AbortSignal): Promise<RefundSnapshot[]> {
    return (await this.wire.ask(signal, () => this.bankRefunds.list(id))).map(refundSnapshotOf);
  }

  async fetchDispute(id: string, signal: AbortSignal): Promise<DisputeSnapshot> {
    return disputeSnapshotOf(await this.wire.ask(signal, () => this.bankDisputes.fetch(id)));
  }

  async listDisputes(id: string, signal: AbortSignal): Promise<DisputeSnapshot[]> {
    return (await this.wire.ask(signal, () => this.bankDisputes.list(id))).map(disputeSnapshotOf);
  }

  payments(since: Date, signal: AbortSignal): AsyncIterable<PaymentSnapshot> {
    return this.wire.changed('charges', since, signal, async (id) => this.snapshot(await this.bank.fetch(id)));
  }

  refunds(since: Date, signal: AbortSignal): AsyncIterable<RefundSnapshot> {
    return this.wire.changed('refunds', since, signal, async (id) =>
      refundSnapshotOf(await this.bankRefunds.fetch(id)),
    );
  }

  disputes(since: Date, signal: AbortSignal): AsyncIterable<DisputeSnapshot> {
    return this.wire.changed('disputes', since, signal, async (id) =>
      disputeSnapshotOf(await this.bankDisputes.fetch(id)),
    );
  }

  async clientSecret(id: string): Promise<string> {
    const { id: known } = await this.wire.known(() => this.bank.fetch(id));
    const secret = createHmac('sha256', this.keyring.derive('simulator-client-secret')).update(known);
    return `${known}_secret_${secret.digest('base64url')}`;
  }

  readWebhook(body: Buffer, headers: Readonly<Record<string, unknown>>): ProviderEvent | null {
    const secrets = [...this.settings.SECRET_KEY.keys()].map((kid) => this.keyring.derive('simulator-webhooks', kid));
    verify(headers[SIGNATURE_HEADER], body, secrets);
    const { id, type, livemode, data } = parseJson(body) as Record<string, unknown>;
    const { object: thing } = (data ?? {}) as { object?: Announced };
    const tenant_id = thing?.metadata?.tenant_id;
    const object = OBJECTS[String(thing?.object)];
    // Signed, and nevertheless not what we are here for: of another mode, or nothing that we could ask for.
    if (livemode !== this.config.livemode) throw new WebhookSignatureInvalidError();
    if (typeof id !== 'string' || typeof type !== 'string' || typeof thing?.id !== 'string' || !object) return null;
    const named = typeof tenant_id === 'string' && isId(tenant_id) ? tenant_id : null;
    return { id, type, object, object_id: thing.id, livemode, tenant_id: named };
  }

  private async perform(
    operation: Journey<Charge>['operation'],
    request: object,
    sending: Sending,
    work: Journey<Charge>['work'],
    fault: Journey<Charge>['fault'] = null,
  ): Promise<PaymentSnapshot> {
    return this.snapshot(
      await this.wire.perform({ operation, request, fault, work, about: (charge) => charge }, sending),
    );
  }

  private snapshot(charge: Charge): PaymentSnapshot {
    return snapshotOf(charge, `${this.settings.PUBLIC_URL}/api/v1/simulator/authenticate#${this.bank.tokenOf(charge)}`);
  }
}

/** What an event may say of its object; none of it is believed. */
interface Announced {
  readonly id?: unknown;
  readonly object?: unknown;
  readonly metadata?: { readonly tenant_id?: unknown };
}
