import { randomUUID } from 'node:crypto';
import { startApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { OwnPostgres } from '../support/engines.js';
import { eventually } from '../support/eventually.js';
import { brokenInvariants, ORDER, quiescence, withKey } from '../support/payments.js';

jest.setTimeout(600_000);

const PAYMENTS = 200;
/** So many have their answer when it happens. */
const ACKNOWLEDGED = 40;

let postgres: OwnPostgres;
beforeAll(async () => {
  postgres = await OwnPostgres.start();
});
afterAll(() => postgres.stop());

interface Order {
  readonly reference: string;
  readonly key: string;
}

const order = (client: Client, { reference, key }: Order): Promise<Answer> =>
  client.post('/payments', { ...ORDER, reference }, withKey(key));

/** As a client does: the same request with the same key, until the answer is about the payment. */
const insist = (client: Client, one: Order): Promise<Answer> =>
  eventually(
    async () => {
      const answer = await order(client, one);
      if (answer.status === 503 || answer.body.code === 'idempotency_in_progress') throw new Error(answer.text);
      return answer;
    },
    { within: 200_000 },
  );

describe('F5: PostgreSQL that is stopped hard while 200 payments are under way, and started again', () => {
  it('has lost none that was acknowledged; all others are made with the same keys, and everything comes to its end', async () => {
    // The clients come back, however long the machine takes: nothing is given up meanwhile.
    const timings = {
      payment_grace_ms: 240_000,
      payment_answer_ms: 60_000,
      payment_lease_ms: 25_000,
      pool_wait_ms: 30_000,
    };
    const app = await startApp({ database: postgres.database, timings });
    const ada = await app.signUp();
    const orders = Array.from({ length: PAYMENTS }, () => ({ reference: randomUUID(), key: randomUUID() }));
    let acknowledged = 0;
    const answers = Promise.all(
      orders.map(async (one) => {
        const answer = await order(ada, one);
        if (answer.status === 201) acknowledged += 1;
        return answer;
      }),
    );
    await eventually(() => acknowledged >= ACKNOWLEDGED, { within: 100_000 });
    await postgres.stopHard();
    const first = await answers;
    await postgres.startAgain();
    const last = await Promise.all(orders.map((one) => insist(ada, one)));
    await quiescence(app, 240_000);

    const good = first.filter(({ status }) => status === 201);
    expect(good.length).toBeGreaterThanOrEqual(ACKNOWLEDGED);
    expect(good.length).toBeLessThan(PAYMENTS);
    expect(new Set(first.map(({ status }) => status))).toEqual(new Set([201, 503]));
    expect(new Set(last.map(({ status }) => status))).toEqual(new Set([201]));
    for (const [at, { status, text }] of first.entries()) if (status === 201) expect(last[at]!.text).toBe(text);
    const made = await app.sql(
      `SELECT p.id, p.reference, p.status, (SELECT count(*)::int FROM simulator.movements m WHERE m.payment_id = p.id) AS charged,
         (SELECT count(*)::int FROM ledger_transactions t WHERE t.payment_id = p.id) AS posted FROM payments p`,
    );
    expect(new Map(made.map(({ reference, ...rest }) => [reference, rest]))).toEqual(
      new Map(
        orders.map(({ reference }, at) => [
          reference,
          { id: last[at]!.body.id, status: 'succeeded', charged: 1, posted: 1 },
        ]),
      ),
    );
    expect(made).toHaveLength(PAYMENTS);
    expect(await brokenInvariants(app)).toEqual([]);
    await app.close();
  });
});
