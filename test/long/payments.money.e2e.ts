import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startApp, type TestApp } from '../support/app.js';
import { succeed, type Client } from '../support/client.js';
import { brokenInvariants, paid, UNHURRIED_PAYMENTS } from '../support/payments.js';

// Hundreds of payments: a busy machine wants its time.
jest.setTimeout(300_000);

interface Golden {
  readonly currency: string;
  readonly amount: number;
  /** As the bank counts. */
  readonly theirs: number;
}

const AT_ONCE = 16;
const file = readFileSync(join(import.meta.dirname, '../support/money.golden.txt'), 'utf8');

let app: TestApp;
let ada: Client;
let least: ReadonlyMap<string, number>;
beforeAll(async () => {
  // Nobody has to hear of it again from the bank.
  const timings = { ...UNHURRIED_PAYMENTS, simulator_poll_ms: 3_600_000 };
  app = await startApp({ timings });
  ada = await app.signUp();
  const { data } = succeed(await ada.get('/currencies'));
  least = new Map(data.map(({ code, minimum }: any) => [code, minimum]));
});

/** Each amount of the golden file that can be paid. */
const payable = (): Golden[] =>
  file
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [currency = ''] = line.split(' ');
      return [...line.matchAll(/(\d+)=(\d+)/g)]
        .map(([, amount, theirs]) => ({ currency, amount: Number(amount), theirs: Number(theirs) }))
        .filter(({ amount }) => amount >= least.get(currency)!);
    });

/** What everybody has written down about a payment. */
async function accounts(id: string): Promise<object> {
  const [row] = await app.sql(
    `SELECT p.amount::text, p.amount_captured::text AS captured, p.currency, c.amount::text AS theirs, c.currency AS their_currency,
       (SELECT array_agg(m.amount::text) FROM simulator.movements m WHERE m.payment_id = p.id) AS moved,
       (SELECT array_agg(a.code || ' ' || e.direction || ' ' || e.amount || ' ' || e.currency ORDER BY e.direction DESC)
        FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id JOIN ledger_accounts a ON a.id = e.account_id
        WHERE t.payment_id = p.id) AS entries
     FROM payments p JOIN simulator.charges c ON c.payment_id = p.id WHERE p.id = $1`,
    [id],
  );
  return row;
}

async function seen({ currency, amount }: Golden): Promise<object> {
  const answer = await paid(ada, { currency, amount });
  const { id, status, amount_authorized, amount_captured } = answer;
  const api = { status, amount: answer.amount, currency: answer.currency, amount_authorized, amount_captured };
  return { api, ...(await accounts(id)) };
}

const expected = ({ currency, amount, theirs }: Golden): object => ({
  api: { status: 'succeeded', amount, currency, amount_authorized: amount, amount_captured: amount },
  amount: `${amount}`,
  captured: `${amount}`,
  currency,
  theirs: `${theirs}`,
  their_currency: currency.toLowerCase(),
  moved: [`${theirs}`],
  entries: [`provider_receivable debit ${amount} ${currency}`, `sales credit ${amount} ${currency}`],
});

it('F14: the golden file agrees to the unit in API, database, bank and ledger', async () => {
  const golden = payable();
  expect(new Set(golden.map(({ currency }) => currency)).size).toBe(least.size);
  expect(golden.length).toBeGreaterThanOrEqual(3 * least.size);
  for (let at = 0; at < golden.length; at += AT_ONCE) {
    const batch = golden.slice(at, at + AT_ONCE);
    expect(await Promise.all(batch.map(seen))).toEqual(batch.map(expected));
  }
  expect(await brokenInvariants(app)).toEqual([]);
});
