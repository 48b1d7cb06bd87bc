// The step of demo.mjs about webhooks that leave: an integrator's server, as small as can be.
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenPromise, call, check, isLoopbackServer, say } from './demo-client.mjs';

/** @typedef {{ name: string, token: string }} Caller logged in. */
/** @typedef {{ id: string, at: string, signatures: string, body: string }} Got */

const DELIVERY_MS = 30_000;
const TOLERANCE_S = 300;

/** @param {Caller} ada @param {Caller} admin of her tenant. */
export async function hearOfPayment(ada, admin) {
  if (!isLoopbackServer()) return say('Left out: a server elsewhere cannot reach a receiver on this machine.');
  /** @type {Got[]} */
  const got = [];
  const shop = createServer((request, response) => void take(request, response, got));
  shop.listen(0, '127.0.0.1');
  await once(shop, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (shop.address());
  const wanted = { url: `http://127.0.0.1:${port}/webhooks`, events: ['payment.succeeded'], description: 'The tour' };
  const { body: endpoint } = await call('POST', '/webhook-endpoints', { status: 201, as: admin, body: wanted });
  try {
    await told(ada, admin, { got, endpoint });
  } finally {
    await call('DELETE', `/webhook-endpoints/${endpoint.id}`, { status: 204, as: admin });
    shop.close();
    shop.closeAllConnections();
  }
}

/**
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @param {Got[]} got
 */
async function take(request, response, got) {
  let body = '';
  for await (const part of request.setEncoding('utf8')) body += part;
  const [id = '', at = '', signatures = ''] = ['id', 'timestamp', 'signature'].map((name) =>
    String(request.headers[`webhook-${name}`]),
  );
  got.push({ id, at, signatures, body });
  response.writeHead(204).end();
}

/**
 * @param {Caller} ada
 * @param {Caller} admin
 * @param {{ got: Got[], endpoint: { id: string, secret: string } }} shop
 */
async function told(ada, admin, { got, endpoint }) {
  const order = { amount: 1_900, currency: 'EUR', payment_method: 'pm_sim_success' };
  const { body: payment } = await call('POST', '/payments', { status: 201, as: ada, key: randomUUID(), body: order });
  const isOurs = (/** @type {Got} */ { body }) => JSON.parse(body).data.id === payment.id;
  const deadline = Date.now() + DELIVERY_MS;
  while (!got.some(isOurs)) {
    if (Date.now() > deadline) throw new BrokenPromise(`a webhook within ${DELIVERY_MS / 1_000} s; none came`);
    await sleep(100);
  }
  const heard = /** @type {Got} */ (got.find(isOurs));
  say(`  POST /webhooks  ${JSON.parse(heard.body).type}  webhook-id ${heard.id}`);
  check('it says what the payment says', JSON.parse(heard.body).data.status === 'succeeded');
  check('its signature is ours', isSigned(heard, endpoint.secret));
  check('another body would not pass', !isSigned({ ...heard, body: `${heard.body} ` }, endpoint.secret));
  const path = `/webhook-endpoints/${endpoint.id}/deliveries`;
  for (;;) {
    const { body } = await call('GET', path, { status: 200, as: admin, quiet: true });
    if (body.data.some((/** @type {{ status: string }} */ { status }) => status === 'delivered')) break;
    if (Date.now() > deadline) throw new BrokenPromise('a delivery that is written down as delivered');
    await sleep(250);
  }
  check('the admin sees that it was delivered', true);
}

/** As Standard Webhooks has it. @param {Got} got @param {string} secret */
function isSigned({ id, at, signatures, body }, secret) {
  if (Math.abs(Date.now() / 1_000 - Number(at)) > TOLERANCE_S) return false;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = Buffer.from(`v1,${createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')}`);
  return signatures
    .split(' ')
    .map((one) => Buffer.from(one))
    .some((one) => one.length === expected.length && timingSafeEqual(one, expected));
}
