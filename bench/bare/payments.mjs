// A payment with a card that is good, by hand: every row that the application writes, the bank's too, and each of them once
// and in its last state where that can be. Three transactions, since fewer would break a promise: what is wanted is durable
// before the bank hears of it, the bank's books are the bank's, and what came of it is durable before it is answered.
import { createHash } from 'node:crypto';
import { uuidv7 } from '../../dist/src/common/uuid.js';

const CARD = { id: 'pm_sim_success', type: 'card', brand: 'visa', last4: '4242' };
const SEALED = Buffer.alloc(300);

/**
 * @param {import('pg').Pool} pool
 * @param {{ user_id: string, tenant_id: string }} session
 * @param {{ amount: number, currency: string, payment_method: string }} order
 * @param {string} key
 */
export async function createPayment(pool, { user_id: owner_id, tenant_id }, { amount, currency }, key) {
  const [id, key_id, attempt_id] = [uuidv7(), uuidv7(), uuidv7()];
  const charge_id = `ch_${id}`;
  const own = { tenant_id, payment_id: id };
  const step = (
    /** @type {number} */ version,
    /** @type {string | null} */ from_status,
    /** @type {string} */ to_status,
  ) =>
    /** @type {Row} */ ([
      'payment_transitions',
      { id: uuidv7(), ...own, version, from_status, to_status, actor: 'api', actor_id: owner_id },
    ]);
  const told = (/** @type {string} */ event) =>
    /** @type {Row} */ ([
      'outbox',
      { id: uuidv7(), tenant_id, topic: 'payments', dedupe_key: `${event}:${id}`, payload: SEALED, key_id: 'bench' },
    ]);
  const asked = (/** @type {string} */ operation) =>
    /** @type {Row} */ ([
      'provider_operations',
      {
        id: uuidv7(),
        ...own,
        provider: 'simulator',
        operation,
        seq: 1,
        idempotency_key: `${operation}:${id}`,
        request: { payment_id: id, amount, currency },
        state: 'sent',
        post_until: new Date(Date.now() + 86_400_000),
      },
    ]);

  await transaction(pool, async (client) => {
    const request_hash = createHash('sha256').update(`${amount} ${currency}`).digest();
    await insertAll(client, [
      [
        'idempotency_keys',
        {
          id: key_id,
          tenant_id,
          owner_id,
          key,
          request_hash,
          request_path: '/payments',
          success_status: 201,
          payment_id: id,
          lock_token: uuidv7(),
          locked_until: new Date(),
          request_id: key,
        },
      ],
      [
        'payments',
        {
          id,
          tenant_id,
          owner_id,
          provider: 'simulator',
          livemode: false,
          amount,
          currency,
          status: 'processing',
          capture_method: 'automatic',
          next_reconcile_at: new Date(Date.now() + 90_000),
        },
      ],
      step(1, null, 'processing'),
      told('created'),
      ['payment_attempts', { id: attempt_id, ...own, seq: 1, payment_method: CARD.id, status: 'submitted' }],
      asked('create'),
      asked('confirm'),
    ]);
  });

  await transaction(pool, async (client) => {
    const body = { id: charge_id, status: 'succeeded' };
    const request = (/** @type {string} */ operation) =>
      /** @type {Row} */ ([
        'simulator.requests',
        { key: `${operation}:${id}`, request_hash: SEALED.subarray(0, 32), status: 200, body },
      ]);
    await insertAll(client, [
      request('create'),
      request('confirm'),
      [
        'simulator.charges',
        {
          id: charge_id,
          ...own,
          amount,
          currency,
          capture_method: 'automatic',
          status: 'succeeded',
          payment_method: CARD.id,
          tries: 1,
          amount_received: amount,
        },
      ],
      ['simulator.movements', { charge_id, payment_id: id, amount }],
      ['simulator.events', { id: `evt_${id}`, charge_id, payload: body }],
    ]);
  });

  const { rows } = await transaction(pool, async (client) => {
    const paid = await client.query(
      `UPDATE payments SET status = 'succeeded', provider_payment_id = $2, amount_authorized = amount,
         amount_captured = amount, payment_method = $3, captured_at = now(), updated_at = now(), version = 2,
         next_reconcile_at = NULL
       WHERE id = $1 RETURNING *`,
      [id, charge_id, CARD],
    );
    await client.query(
      `UPDATE payment_attempts SET status = 'succeeded', provider_attempt_id = $2, finished_at = now() WHERE id = $1`,
      [attempt_id, charge_id],
    );
    await client.query(
      `UPDATE provider_operations SET state = 'succeeded', finished_at = now() WHERE payment_id = $1`,
      [id],
    );
    const transaction_id = uuidv7();
    const entry = (/** @type {string} */ account, /** @type {string} */ direction, /** @type {string} */ type) =>
      accountOf(pool, tenant_id, account, currency, type).then(
        (account_id) =>
          /** @type {Row} */ ([
            'ledger_entries',
            { id: uuidv7(), tenant_id, transaction_id, account_id, currency, direction, amount },
          ]),
      );
    await insertAll(client, [
      step(2, 'processing', 'succeeded'),
      told('succeeded'),
      [
        'ledger_transactions',
        {
          id: transaction_id,
          ...own,
          event: 'captured',
          source_type: 'payment',
          source_id: id,
          effective_at: new Date(),
        },
      ],
      await entry('provider_receivable', 'debit', 'asset'),
      await entry('sales', 'credit', 'income'),
    ]);
    await client.query(
      `UPDATE idempotency_keys SET recovery_point = 'finished', response_status = 201, response_headers = '{}',
         response_body = $2, key_id = 'bench', finished_at = now() WHERE id = $1`,
      [key_id, Buffer.from(JSON.stringify(paid.rows[0]))],
    );
    return paid;
  });
  return rows[0];
}

/** @typedef {[table: string, row: Record<string, unknown>]} Row */

/**
 * @template T
 * @param {import('pg').Pool} pool
 * @param {(client: import('pg').PoolClient) => Promise<T>} work
 */
async function transaction(pool, work) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const done = await work(client);
    await client.query('COMMIT');
    return done;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/**
 * @param {import('pg').PoolClient} client
 * @param {Row[]} rows
 */
async function insertAll(client, rows) {
  for (const [table, row] of rows) {
    const names = Object.keys(row);
    const places = names.map((_, index) => `$${index + 1}`);
    await client.query(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places.join(', ')})`, Object.values(row));
  }
}

/** @type {Map<string, Promise<string>>} */
const accounts = new Map();

/**
 * The account of this tenant, which nobody ever changes.
 * @param {import('pg').Pool} pool
 * @param {string} tenant_id
 * @param {string} code
 * @param {string} currency
 * @param {string} type
 */
function accountOf(pool, tenant_id, code, currency, type) {
  const name = `${tenant_id} ${code} ${currency}`;
  const known = accounts.get(name) ?? find();
  accounts.set(name, known);
  return known;

  async function find() {
    await pool.query(
      `INSERT INTO ledger_accounts (id, tenant_id, code, currency, type) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT ON CONSTRAINT ledger_accounts_code_key DO NOTHING`,
      [uuidv7(), tenant_id, code, currency, type],
    );
    const { rows } = await pool.query(
      'SELECT id FROM ledger_accounts WHERE tenant_id = $1 AND code = $2 AND currency = $3',
      [tenant_id, code, currency],
    );
    return rows[0].id;
  }
}
