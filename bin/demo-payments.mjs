// The steps of demo.mjs about payments. With the simulator: no money moves.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenPromise, call, check } from './demo-client.mjs';
import { hearOfPayment } from './demo-webhooks.mjs';

/** @typedef {{ name: string, token: string }} Caller logged in. */

const WEBHOOK_MS = 30_000;
const order = (/** @type {string} */ payment_method) => ({ amount: 4_200, currency: 'EUR', payment_method });

/** @param {Caller} ada @param {string} payment_method @param {object} [expected] */
const pays = (ada, payment_method, expected = { status: 201 }) =>
  call('POST', '/payments', { status: 201, as: ada, key: randomUUID(), body: order(payment_method), ...expected });

/**
 * @param {Caller} ada
 * @param {Caller} admin of her tenant.
 * @returns {[title: string, step: () => Promise<void>][]}
 */
export function paymentSteps(ada, admin) {
  const key = randomUUID();
  let first = '';
  return [
    ['Ada pays', async () => void (first = await pay(ada, key))],
    ['She sends it again, and pays once', () => repeat(ada, key, first)],
    ['A card without money is declined', () => beDeclined(ada)],
    ['A payment waits for her at the bank’s page, and a webhook finishes it', () => authenticate(ada)],
    ['The admin gives a part of it back', () => giveBack(ada, admin, JSON.parse(first).id)],
    ['No more goes back than was taken', () => giveTooMuch(admin, JSON.parse(first).id)],
    ['A payer complains at the bank, and the admin may not pay twice', () => beDisputed(ada, admin)],
    ['The books balance', () => balance(admin)],
    ['The shop’s own server hears of a payment by a signed webhook', () => hearOfPayment(ada, admin)],
  ];
}

/** @param {Caller} ada @param {string} key @returns {Promise<string>} the answer. */
async function pay(ada, key) {
  const { body } = await pays(ada, 'pm_sim_success', { key });
  check('the money was taken', body.status === 'succeeded' && body.amount_captured === 4_200);
  return JSON.stringify(body);
}

/** @param {Caller} ada @param {string} key @param {string} first what was answered to the first. */
async function repeat(ada, key, first) {
  const { body, headers } = await pays(ada, 'pm_sim_success', { key });
  check('it is the first answer, and no second payment', JSON.stringify(body) === first);
  check('and says so', headers.get('idempotent-replayed') === 'true');
}

/** @param {Caller} ada */
async function beDeclined(ada) {
  const { body } = await pays(ada, 'pm_sim_insufficient_funds', { status: 402, code: 'card_declined' });
  check('the bank says why', body.decline_code === 'insufficient_funds');
}

/** @param {Caller} ada */
async function authenticate(ada) {
  const { body: payment } = await pays(ada, 'pm_sim_3ds_required');
  check('the bank wants to see her', payment.status === 'requires_action');
  const token = payment.next_action.url.split('#')[1];
  await call('POST', '/simulator/authenticate', { status: 200, body: { token, outcome: 'success' } });
  await until(ada, payment.id, 'succeeds', ({ status }) => status === 'succeeded');
  check('a webhook has finished it', true);
}

/**
 * Until what happens behind the answers has happened.
 * @param {Caller} ada @param {string} payment_id @param {string} what @param {(payment: any) => boolean} holds
 * @returns {Promise<any>} the payment.
 */
async function until(ada, payment_id, what, holds) {
  const deadline = Date.now() + WEBHOOK_MS;
  for (;;) {
    const { body: seen } = await call('GET', `/payments/${payment_id}`, { status: 200, as: ada, quiet: true });
    if (holds(seen)) return seen;
    if (Date.now() > deadline) throw new BrokenPromise(`a payment that ${what}; it is ${JSON.stringify(seen)}`);
    await sleep(1_000);
  }
}

/** @param {Caller} admin @param {string} payment_id @param {object} body @param {object} expected */
const refunds = (admin, payment_id, body, expected) =>
  call('POST', `/payments/${payment_id}/refunds`, { as: admin, key: randomUUID(), body, ...expected });

/** @param {Caller} ada @param {Caller} admin @param {string} payment_id */
async function giveBack(ada, admin, payment_id) {
  const asked = { amount: 1_200, reason: 'requested_by_customer' };
  const { body: refund } = await refunds(admin, payment_id, asked, { status: 201 });
  check('the money has gone back', refund.status === 'succeeded' && refund.amount === 1_200);
  const { body: payment } = await call('GET', `/payments/${payment_id}`, { status: 200, as: ada });
  check('Ada sees it at her payment', payment.refund_status === 'partial' && payment.amount_refunded === 1_200);
}

/** @param {Caller} admin @param {string} payment_id */
async function giveTooMuch(admin, payment_id) {
  const expected = { status: 422, code: 'refund_exceeds_captured' };
  const { body } = await refunds(admin, payment_id, { amount: 3_001 }, expected);
  check('and the answer says how much is left', body.max_refundable === 3_000);
}

/** @param {Caller} ada @param {Caller} admin */
async function beDisputed(ada, admin) {
  const { body: payment } = await pays(ada, 'pm_sim_dispute');
  const { status } = await until(ada, payment.id, 'is disputed', ({ dispute_status }) => dispute_status !== null);
  check('a webhook has told of it; the payment stands', status === 'succeeded');
  const { body } = await call('GET', '/disputes', { status: 200, as: ada });
  check('the bank has taken the money back', body.data[0].funds === 'withdrawn');
  await refunds(admin, payment.id, {}, { status: 409, code: 'dispute_open' });
}

/** @param {Caller} admin */
async function balance(admin) {
  const { body } = await call('GET', '/ledger/trial-balance', { status: 200, as: admin });
  const euros = body.data.find((/** @type {{ currency: string }} */ { currency }) => currency === 'EUR');
  check('debits and credits are equal', euros.debits > 0 && euros.difference === 0);
}
