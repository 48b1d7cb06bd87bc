import { randomBytes } from 'node:crypto';
import { Hooks } from '../../src/common/hooks.js';
import { uuidv7 } from '../../src/common/uuid.js';
import { ComparesWithProvider, type SweepRound } from '../../src/payments/reconciliation/sweep.js';
import type { TestApp } from './app.js';
import { succeed, type Client } from './client.js';
import { eventually } from './eventually.js';

/** Looks at once, and again and again. */
export const RESTLESS = { sweep_poll_ms: 50, alerts_ms: 50, invariants_ms: 100 };

/** Has the provider compared with us, from the request on to the end. */
export async function compare(app: TestApp): Promise<void> {
  const { id } = succeed(await (await app.admin()).post('/reconciliation/runs'));
  await eventually(
    async () => {
      const [run] = await app.sql('SELECT status FROM reconciliation_runs WHERE id = $1', [id]);
      if (run.status !== 'finished') throw new Error(`The run is ${run.status}`);
    },
    { within: 30_000 },
  );
}

/** What a night so many days from now finds: by then, what is here by now is older than the two days that it looks at. */
export async function compareIn(app: TestApp, days: number): Promise<void> {
  const since = new Date(Date.now() + (days - 2) * 24 * 3_600_000);
  const round: SweepRound = { since, signal: AbortSignal.timeout(60_000), beat: () => Promise.resolve() };
  const comparisons = app.app.get(Hooks, { strict: false }).find<object, Comparison>(ComparesWithProvider);
  for (const { handle } of comparisons) await handle(round);
}

type Comparison = (round: SweepRound) => Promise<void>;

/** What is written down of a payment, open or not. */
export const itemsOf = async (client: Client, payment_id: string, query = 'limit=100'): Promise<any[]> =>
  succeed(await client.get(`/reconciliation/items?${query}`)).data.filter(
    (item: any) => item.payment_id === payment_id,
  );

/** Until so much is written down of a payment, in short: `kind` and whether it is open. */
export const untilItems = (client: Client, payment_id: string, expected: Record<string, boolean>): Promise<any[]> =>
  eventually(
    async () => {
      const items = await itemsOf(client, payment_id);
      const found = Object.fromEntries(items.map(({ kind, resolved_at }) => [kind, resolved_at === null]));
      const inOrder = (record: object) => JSON.stringify(Object.entries(record).toSorted());
      if (inOrder(found) !== inOrder(expected)) throw new Error(`There is ${JSON.stringify(found)}`);
      return items;
    },
    { within: 30_000 },
  );

/** Something that the bank has and we have not. @returns its id there. */
export async function insertCharge(
  app: TestApp,
  { status = 'succeeded', payment_id = uuidv7(), hours_ago = 1 } = {},
): Promise<string> {
  const id = `pi_sim_${randomBytes(12).toString('hex')}`;
  await app.sql(
    `INSERT INTO simulator.charges (id, payment_id, tenant_id, amount, currency, capture_method, status, tries,
       amount_received, created_at, changed_at)
     VALUES ($1, $2, $3, 4200, 'eur', 'automatic', $4, 1, CASE $4 WHEN 'succeeded' THEN 4200 ELSE 0 END,
       now() - $5 * interval '1 hour', now() - $5 * interval '1 hour')`,
    [id, payment_id, uuidv7(), status, hours_ago],
  );
  return id;
}

const nameAtBank = (prefix: string): string => `${prefix}_sim_${randomBytes(12).toString('hex')}`;

/** A refund that the bank has made, and tells nobody about. @returns its id there. */
export async function refundAtBank(
  app: TestApp,
  charge_id: string,
  { refund_id = null, amount = 1_200 }: { refund_id?: string | null; amount?: number } = {},
): Promise<string> {
  const id = nameAtBank('re');
  await app.sql(
    `INSERT INTO simulator.refunds (id, charge_id, payment_id, tenant_id, refund_id, amount, currency, status)
     SELECT $1, id, payment_id, tenant_id, $3, $4, currency, 'succeeded' FROM simulator.charges WHERE id = $2`,
    [id, charge_id, refund_id, amount],
  );
  return id;
}

/** A dispute that the bank has opened, and tells nobody about. @returns its id there. */
export async function disputeAtBank(app: TestApp, charge_id: string): Promise<string> {
  const id = nameAtBank('dp');
  await app.sql(
    `INSERT INTO simulator.disputes (id, charge_id, payment_id, tenant_id, amount, currency, status, funds, reason, plan)
     SELECT $1, id, payment_id, tenant_id, amount, currency, 'needs_response', 'withdrawn', 'fraudulent', '{}'
     FROM simulator.charges WHERE id = $2`,
    [id, charge_id],
  );
  return id;
}

/** Something written down for each of these tenants; null is nobody. @returns their ids, the newest first. */
export async function insertItems(app: TestApp, tenants: readonly (string | null)[]): Promise<string[]> {
  const ids = tenants.map(() => uuidv7());
  await app.sql(
    `INSERT INTO reconciliation_items (id, tenant_id, kind, object_type, object_id)
     SELECT id, tenant_id, 'status_mismatch', 'refund', id::text FROM unnest($1::uuid[], $2::uuid[]) AS r (id, tenant_id)`,
    [ids, tenants],
  );
  return ids.toSorted().toReversed();
}
