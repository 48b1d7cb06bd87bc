import { Injectable } from '@nestjs/common';
import { RouteNotFoundError } from '../../common/http-errors.js';
import { ProviderMisconfiguredError } from '../payments.errors.js';
import type { DisputeSnapshot } from './dispute-snapshot.js';
import { PaymentGateway, type GatewayConfig, type PaymentSnapshot, type ProviderEvent } from './payment.gateway.js';
import type { RefundSnapshot } from './refund-snapshot.js';

/** Nobody takes money here. */
@Injectable()
export class NoGateway extends PaymentGateway {
  readonly config: GatewayConfig = { provider: 'none', publishable_key: null, livemode: false };

  create(): Promise<PaymentSnapshot> {
    return this.refuse();
  }

  confirm(): Promise<PaymentSnapshot> {
    return this.refuse();
  }

  capture(): Promise<PaymentSnapshot> {
    return this.refuse();
  }

  cancel(): Promise<PaymentSnapshot> {
    return this.refuse();
  }

  fetch(): Promise<PaymentSnapshot> {
    return this.refuse();
  }

  findByPayment(): Promise<PaymentSnapshot | null> {
    return this.refuse();
  }

  refund(): Promise<RefundSnapshot> {
    return this.refuse();
  }

  fetchRefund(): Promise<RefundSnapshot> {
    return this.refuse();
  }

  listRefunds(): Promise<RefundSnapshot[]> {
    return this.refuse();
  }

  fetchDispute(): Promise<DisputeSnapshot> {
    return this.refuse();
  }

  listDisputes(): Promise<DisputeSnapshot[]> {
    return this.refuse();
  }

  payments(): AsyncIterable<PaymentSnapshot> {
    return this.refused();
  }

  refunds(): AsyncIterable<RefundSnapshot> {
    return this.refused();
  }

  disputes(): AsyncIterable<DisputeSnapshot> {
    return this.refused();
  }

  clientSecret(): Promise<string> {
    return this.refuse();
  }

  readWebhook(): ProviderEvent | null {
    throw new RouteNotFoundError();
  }

  private async *refused(): AsyncIterable<never> {
    yield await this.refuse();
  }

  private async refuse(): Promise<never> {
    throw new ProviderMisconfiguredError();
  }
}
