import { randomUUID } from 'node:crypto';
import { uuidv7 } from '../../src/common/uuid.js';
import { DEFAULT_TENANT_ID } from '../../src/tenants/tenant.entity.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { connected, setScope } from '../support/connections.js';
import {
  ORDER,
  paid,
  pay,
  quiescence,
  refunded,
  timesCharged,
  UNHURRIED_PAYMENTS,
  withKey,
} from '../support/payments.js';

let app: TestApp;
let ada: Client;
beforeAll(async () => {
  app = await startApp({ timings: UNHURRIED_PAYMENTS });
  ada = await app.signUp();
});

/** As the application might, if it were wrong: committed, so that what is deferred is checked too. */
const wrongly = (...statements: string[]): Promise<unknown> =>
  connected(app.settings.POSTGRES_URL, async (client) => {
    await client.query(`BEGIN; ${setScope('system')}`);
    for (const statement of statements) await client.query(statement);
    await client.query('COMMIT');
  });

const ledger = (...sides: [direction: string, amount: number, currency?: string][]): string[] => {
  const [transaction, source] = [uuidv7(), uuidv7()];
  const accounts = [...new Set(sides.map(([, , currency = 'EUR']) => currency))].map((currency) => ({
    currency,
    id: uuidv7(),
  }));
  return [
    ...accounts.map(
      ({ id, currency }) =>
        `INSERT INTO ledger_accounts (id, tenant_id, code, currency, type) VALUES ('${id}', '${DEFAULT_TENANT_ID}', 'test ${id}', '${currency}', 'asset')`,
    ),
    `INSERT INTO ledger_transactions (id, tenant_id, event, source_type, source_id, effective_at)
     VALUES ('${transaction}', '${DEFAULT_TENANT_ID}', 'test', 'test', '${source}', now())`,
    ...sides.map(([direction, amount, currency = 'EUR']) => {
      const { id } = accounts.find((one) => one.currency === currency)!;
      return `INSERT INTO ledger_entries (id, tenant_id, transaction_id, account_id, currency, direction, amount)
        VALUES ('${uuidv7()}', '${DEFAULT_TENANT_ID}', '${transaction}', '${id}', '${currency}', '${direction}', ${amount})`;
    }),
  ];
};

describe('the database itself', () => {
  it('takes a posting that balances in each currency', async () => {
    const fair = ledger(['debit', 5], ['credit', 5], ['debit', 7, 'USD'], ['credit', 7, 'USD']);
    await expect(wrongly(...fair)).resolves.toBeUndefined();
  });

  it.each<[string, [string, number, string?][]]>([
    [
      'does not balance',
      [
        ['debit', 5],
        ['credit', 4],
      ],
    ],
    ['has one side', [['debit', 5]]],
    ['has no sides', []],
    [
      'balances over two currencies only',
      [
        ['debit', 5],
        ['credit', 5, 'USD'],
      ],
    ],
  ])('refuses a posting that %s (I1)', async (_, sides) => {
    await expect(wrongly(...ledger(...sides))).rejects.toMatchObject({ code: '23514', constraint: 'ledger_balanced' });
  });

  it('refuses a second try while one is open', async () => {
    const { id } = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
    const attempt = `INSERT INTO payment_attempts (id, tenant_id, payment_id, seq, status)
      VALUES ('${uuidv7()}', '${DEFAULT_TENANT_ID}', '${id}', 2, 'submitted')`;

    await expect(wrongly(attempt)).rejects.toMatchObject({ constraint: 'payment_attempts_one_open' });
  });

  it.each([
    ['payments_refunds_capped', 'amount_refunded = 4201'],
    ['payments_refunds_capped', 'amount_refunded = 2000, amount_refund_pending = 2201'],
    ['payments_amounts_nested', 'amount_captured = 4201'],
    ['payments_succeeded_is_paid', 'amount_captured = 0'],
    ['payments_canceled_is_unpaid', `status = 'canceled', canceled_at = now()`],
    ['payments_open_is_scheduled', `status = 'processing', next_reconcile_at = NULL`],
    ['payments_status_known', `status = 'failed'`],
  ])('refuses what %s forbids: %s', async (constraint, change) => {
    const { id } = await paid(ada);
    await expect(wrongly(`UPDATE payments SET ${change} WHERE id = '${id}'`)).rejects.toMatchObject({ constraint });
  });

  it.each([
    ['refunds_open_is_scheduled', `status = 'pending', next_reconcile_at = NULL`],
    ['refunds_status_known', `status = 'gone'`],
    ['refunds_payment_fkey', `currency = 'USD'`],
    ['refunds_imported_is_named', `origin = 'provider', provider_refund_id = NULL`],
    ['refunds_amount_positive', 'amount = 0'],
    [
      'refunds_provider_refund_key',
      'provider_refund_id = (SELECT max(provider_refund_id) FROM refunds WHERE id <> r.id)',
    ],
  ])('refuses what %s forbids: %s', async (constraint, change) => {
    const [admin, { id }] = [await app.tenantAdmin(), await paid(ada)];
    const [one] = [await refunded(admin, id, { amount: 1 }), await refunded(admin, id, { amount: 1 })];
    await expect(wrongly(`UPDATE refunds r SET ${change} WHERE id = '${one.id}'`)).rejects.toMatchObject({
      constraint,
    });
  });

  it('refuses to change or forget a step of a refund or a dispute', async () => {
    for (const table of ['refund_transitions', 'dispute_transitions']) {
      await expect(wrongly(`TRUNCATE ${table}`)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('refuses a second posting of the same fact', async () => {
    const { id } = await paid(ada);
    const again = `INSERT INTO ledger_transactions (id, tenant_id, event, source_type, source_id, payment_id, effective_at)
      VALUES ('${uuidv7()}', '${DEFAULT_TENANT_ID}', 'captured', 'payment', '${id}', '${id}', now())`;

    await expect(wrongly(again)).rejects.toMatchObject({ constraint: 'ledger_transactions_fact_key' });
  });
});

describe('F4: a request that sleeps past its lease', () => {
  it.each(['key.claimed', 'payment.created', 'payment.confirming', 'payment.confirm.answered'])(
    'at %s writes nothing when it wakes: one payment, one charge',
    async (point) => {
      let wake = (): void => undefined;
      const woken = new Promise<void>((resolve) => (wake = resolve));
      let fall = (): void => undefined;
      const asleep = new Promise<void>((resolve) => (fall = resolve));
      const zombie = await startApp({
        settings: { PROCESS_ROLE: 'api' },
        timings: { payment_lease_ms: 200 },
        checkpoints: async (name) => {
          if (name !== point) return;
          fall();
          await woken;
        },
      });
      const [key, reference] = [randomUUID(), randomUUID()];
      const body = { ...ORDER, metadata: { reference } };
      const late = zombie.send('POST', '/payments', { token: ada.token, body, headers: withKey(key) });
      await asleep;
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { status, body: payment } = await pay(ada, { metadata: { reference } }, key);
      wake();

      expect(status).toBe(201);
      expect((await late).body).toMatchObject({ code: 'idempotency_in_progress' });
      const rows = await app.sql(`SELECT id FROM payments WHERE metadata ->> 'reference' = $1`, [reference]);
      expect(rows).toEqual([{ id: payment.id }]);
      expect(await timesCharged(app, payment.id)).toBe(1);
      await zombie.close();
      await quiescence(app);
    },
  );
});
