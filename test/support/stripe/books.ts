import { randomBytes } from 'node:crypto';
import { METHODS, type Decline } from './methods.js';
import { invalid, missing, StripeRefusal } from './refusals.js';
import { newId, now_s, StripeShelves, WEEK_S } from './shelves.js';

const MINIMUM = 30;
const MOST = 99_999_999;
const THREE_DECIMALS = ['bhd', 'jod', 'kwd', 'omr', 'tnd'];

/** Stripe's rules for payment intents, as far as they concern us. */
export class StripeBooks extends StripeShelves {
  create({ amount, currency, capture_method, metadata, automatic_payment_methods }: any): any {
    const count = Number(amount);
    if (!/^[a-z]{3}$/.test(currency) || currency === 'xts') {
      throw invalid({ message: `Invalid currency: ${currency}.`, param: 'currency' });
    }
    if (count > MOST) throw invalid({ code: 'amount_too_large', param: 'amount' });
    if (count < MINIMUM) throw invalid({ code: 'amount_too_small', param: 'amount' });
    if (THREE_DECIMALS.includes(currency) && count % 10 !== 0) throw invalid({ param: 'amount' });
    const id = newId('pi');
    const intent = {
      id,
      object: 'payment_intent',
      amount: count,
      amount_capturable: 0,
      amount_received: 0,
      automatic_payment_methods: { enabled: automatic_payment_methods?.enabled === 'true', allow_redirects: 'always' },
      canceled_at: null,
      cancellation_reason: null,
      capture_method: capture_method ?? 'automatic',
      client_secret: `${id}_secret_${randomBytes(12).toString('hex')}`,
      created: now_s(),
      currency,
      last_payment_error: null,
      latest_charge: null,
      livemode: this.livemode,
      metadata: metadata ?? {},
      next_action: null,
      payment_method: null,
      payment_method_types: ['card', 'link'],
      status: 'requires_payment_method',
    };
    this.intents.unshift(intent);
    this.tell('payment_intent.created', intent);
    return intent;
  }

  confirm(id: string, { payment_method, return_url }: any): any {
    const intent = this.intent(id);
    this.expect(intent, 'requires_payment_method', 'requires_confirmation');
    const method = this.method(payment_method);
    if (!return_url) throw invalid({ message: 'A `return_url` must be specified', param: 'return_url' });
    Object.assign(intent, { payment_method: method.id, last_payment_error: null });
    const { outcome, decline } = METHODS[method.alias]!;
    if (outcome === 'decline') throw this.decline(intent, method, decline!);
    if (outcome === 'act') {
      const url = `https://hooks.stripe.com/3d_secure_2/hosted?payment_intent_client_secret=${intent.client_secret}`;
      intent.next_action = { type: 'redirect_to_url', redirect_to_url: { url, return_url } };
      return this.move(intent, 'requires_action');
    }
    if (outcome === 'wait') return this.move(intent, 'processing');
    return this.charge(intent);
  }

  /** What the payer did at the bank's page. */
  authenticate(id: string, outcome: 'success' | 'fail'): any {
    const intent = this.intent(id);
    intent.next_action = null;
    if (outcome === 'success') return this.charge(intent);
    const method = this.methods.find((one) => one.id === intent.payment_method);
    intent.last_payment_error = {
      type: 'invalid_request_error',
      code: 'payment_intent_authentication_failure',
      message: 'The provided PaymentMethod has failed authentication.',
      payment_method: method,
    };
    intent.payment_method = null;
    return this.move(intent, 'requires_payment_method', 'payment_intent.payment_failed');
  }

  /** A bank has made up its mind. */
  settle(id: string): any {
    return this.charge(this.intent(id));
  }

  capture(id: string, { amount_to_capture }: any): any {
    const intent = this.intent(id);
    this.expect(intent, 'requires_capture');
    const amount = Number(amount_to_capture ?? intent.amount);
    if (amount > intent.amount) throw invalid({ code: 'amount_too_large', param: 'amount_to_capture' });
    this.charges.find((one) => one.id === intent.latest_charge).captured = true;
    Object.assign(intent, { amount_received: amount, amount_capturable: 0 });
    return this.move(intent, 'succeeded');
  }

  cancel(id: string, { cancellation_reason }: any): any {
    const intent = this.intent(id);
    this.expect(intent, 'requires_payment_method', 'requires_confirmation', 'requires_action', 'requires_capture');
    const given = ['duplicate', 'fraudulent', 'requested_by_customer', 'abandoned', undefined];
    if (!given.includes(cancellation_reason)) throw invalid({ param: 'cancellation_reason' });
    Object.assign(intent, {
      next_action: null,
      cancellation_reason: cancellation_reason ?? null,
      canceled_at: now_s(),
    });
    return this.move(intent, 'canceled');
  }

  private charge(intent: any): any {
    const manual = intent.capture_method === 'manual';
    const charge = this.newCharge(intent, !manual);
    intent.latest_charge = charge.id;
    if (manual) {
      intent.amount_capturable = intent.amount;
      return this.move(intent, 'requires_capture', 'payment_intent.amount_capturable_updated');
    }
    intent.amount_received = intent.amount;
    return this.move(intent, 'succeeded');
  }

  private newCharge({ id, amount, payment_method }: any, captured: boolean, status = 'succeeded'): any {
    const { type } = this.methods.find((one) => one.id === payment_method);
    const until = captured ? {} : { capture_before: now_s() + WEEK_S };
    const payment_method_details = { type, [type]: { last4: '4242', ...until } };
    const charge = {
      id: newId('ch'),
      object: 'charge',
      amount,
      captured,
      payment_intent: id,
      payment_method,
      status,
      payment_method_details,
    };
    this.charges.unshift(charge);
    return charge;
  }

  private decline(intent: any, method: any, [code, decline_code]: Decline): StripeRefusal {
    const charge = this.newCharge(intent, false, 'failed').id;
    const error = {
      type: 'card_error',
      code,
      decline_code,
      message: 'Your card was declined.',
      charge,
      payment_method: method,
    };
    Object.assign(intent, { last_payment_error: error, latest_charge: charge, payment_method: null });
    this.move(intent, 'requires_payment_method', 'payment_intent.payment_failed');
    return new StripeRefusal(402, { ...error, payment_intent: structuredClone(intent) });
  }

  /** A test method makes a new one each time; another is good until a charge was made by it. */
  private method(id: string): any {
    const known = this.methods.find((one) => one.id === id);
    if (known && this.charges.some((charge) => charge.payment_method === id)) {
      const message =
        'The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment.';
      throw invalid({ message });
    }
    if (known) return known;
    const test = METHODS[id];
    if (!test) throw missing('PaymentMethod', id, 'payment_method', 400);
    const type = test.type ?? 'card';
    const method = {
      id: newId('pm'),
      object: 'payment_method',
      alias: id,
      type,
      [type]: { brand: 'visa', last4: '4242' },
    };
    this.methods.unshift(method);
    return method;
  }

  private expect(intent: any, ...statuses: string[]): void {
    if (statuses.includes(intent.status)) return;
    throw invalid({ code: 'payment_intent_unexpected_state', payment_intent: intent });
  }

  private move(intent: any, status: string, event = `payment_intent.${status}`): any {
    intent.status = status;
    this.tell(event, intent);
    return intent;
  }
}
