import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type Stripe from 'stripe';
import { Bulkhead } from '../../common/bulkhead.js';
import { CircuitBreaker } from '../../common/circuit-breaker.js';
import { Condition } from '../../common/condition.js';
import { Settings } from '../../config/settings.js';
import { Timings } from '../../config/timings.js';
import { ProviderUnknownError } from '../gateways/payment.gateway.js';
import { StripeConnection } from './stripe-connection.js';
import { failureOf, isOutage } from './stripe-failures.js';
import { StripeTransport } from './stripe-transport.js';

/** The version that the types of the package and our reading of them are of, whatever the account's own is. */
const API_VERSION = '2026-10-28.endive';
/** Stripe lets a test key have 25 requests a second. @see https://docs.stripe.com/rate-limits */
const AT_ONCE = 20;
const OUTAGE = 10;
/** Beside the repeats that the journal knows of; each under the same key. */
const RETRIES = 1;

type StripeClass = typeof Stripe;

/** The way to Stripe and back: not longer than the signal lasts, so many at once, and nobody while Stripe is away. */
@Injectable()
export class StripeLine implements OnApplicationShutdown {
  private readonly condition = new Condition(new Logger(StripeLine.name), 'Stripe');
  private readonly breaker: CircuitBreaker;
  private readonly bulkhead: Bulkhead;
  private agent: HttpAgent | undefined;
  private package: Promise<{ default: StripeClass }> | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly timings: Timings,
    private readonly connection: StripeConnection,
  ) {
    const { provider_pause_ms, provider_wait_ms } = timings;
    const unknown = (code: string) => () => new ProviderUnknownError(code);
    this.breaker = new CircuitBreaker(OUTAGE, provider_pause_ms, isOutage, unknown('circuit_open'));
    this.bulkhead = new Bulkhead(AT_ONCE, provider_wait_ms, unknown('overloaded'));
  }

  /** @throws {ProviderRejectedError} {@link ProviderUnknownError} {@link ProviderForbiddenError} */
  async ask<T>(signal: AbortSignal, question: (stripe: Stripe) => Promise<T>): Promise<T> {
    // While Stripe is away nobody queues. That our own queue is full tells nothing of Stripe: the breaker stands behind it.
    this.breaker.assertMayAsk();
    return this.bulkhead.run(() => this.breaker.run(() => this.send(signal, question)));
  }

  /** Everything that a list holds, page by page, newest first. */
  async *list<T extends { readonly id: string }>(
    signal: AbortSignal,
    question: (stripe: Stripe, page: { limit: number; starting_after?: string }) => Promise<Stripe.ApiList<T>>,
  ): AsyncGenerator<T, void, void> {
    let page: { limit: number; starting_after?: string } | null = { limit: 100 };
    while (page) {
      const now: { limit: number; starting_after?: string } = page;
      const { data, has_more } = await this.ask(signal, (stripe) => question(stripe, now));
      yield* data;
      const last = data.at(-1);
      page = has_more && last ? { limit: 100, starting_after: last.id } : null;
    }
  }

  onApplicationShutdown(): void {
    this.agent?.destroy();
  }

  private async send<T>(signal: AbortSignal, question: (stripe: Stripe) => Promise<T>): Promise<T> {
    try {
      const answer = await question(await this.client(signal));
      this.condition.works();
      return answer;
    } catch (error) {
      const failure = failureOf(error);
      if (isOutage(failure)) this.condition.fails(failure);
      throw failure;
    }
  }

  /** For one question, since the package knows no signal. It is large, and loaded where it is needed. */
  private async client(signal: AbortSignal): Promise<Stripe> {
    const { host, port, protocol } = this.connection;
    const { default: StripePackage } = await (this.package ??= import('stripe'));
    this.agent ??= new (protocol === 'http' ? HttpAgent : HttpsAgent)({ keepAlive: true });
    return new StripePackage(this.settings.STRIPE_API_KEY!, {
      apiVersion: API_VERSION,
      host,
      port,
      protocol,
      httpClient: new StripeTransport(this.agent, signal),
      maxNetworkRetries: RETRIES,
      timeout: this.timings.provider_timeout_ms,
      telemetry: false,
    });
  }
}
