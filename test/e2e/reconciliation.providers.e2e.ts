import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { insertPayments, insertRepayments, paid, quiescence, refundsOf } from '../support/payments.js';
import { compare, insertItems, itemsOf, refundAtBank, RESTLESS } from '../support/reconciliation.js';

let app: TestApp;
let ada: Client;
let admin: Client;
let platform: Client;
beforeAll(async () => {
  // The bank is asked when a test asks: no payment's turn comes in between.
  app = await startApp({ timings: { ...RESTLESS, reconcile_poll_ms: 3_600_000 } });
  [ada, admin, platform] = [await app.signUp(), await app.tenantAdmin(), await app.admin()];
});

/** Until this is open about a payment; the books miss the steps of one that was only put there. */
const untilOpen = (id: string, kinds: readonly string[]): Promise<void> =>
  eventually(async () => {
    const found = (await itemsOf(admin, id, 'open=true&limit=100')).map(({ kind }) => kind);
    expect(found.filter((kind) => kind !== 'ledger_mismatch').toSorted()).toEqual(kinds);
  });

describe.each([
  ['another provider', 'stripe', false],
  ['the other mode', 'simulator', true],
])('a comparison, with payments of %s in the database', (_, provider, livemode) => {
  /** As it lies there once the provider, or its key, was changed: reserved, and about to be let go. */
  async function left(): Promise<string> {
    const [id] = await insertPayments(app, [ada.user]);
    await app.sql(
      `UPDATE payments SET provider = $2, livemode = $3, provider_payment_id = 'pi_' || id, status = 'requires_capture',
         capture_before = now(), next_reconcile_at = now() + interval '1 day' WHERE id = $1`,
      [id, provider, livemode],
    );
    return id!;
  }

  it('leaves what is open about them as it is, and does its work on all others', async () => {
    const id = await left();
    await untilOpen(id, ['hold_expiring']);
    const { id: other, provider_payment_id } = await paid(ada);
    await quiescence(app);
    await refundAtBank(app, provider_payment_id);
    await compare(app);

    expect(await refundsOf(admin, other)).toMatchObject([{ amount: 1_200, origin: 'provider' }]);
    await untilOpen(id, ['hold_expiring']);
    const [row] = await app.sql('SELECT status, needs_review FROM payments WHERE id = $1', [id]);
    expect(row).toEqual({ status: 'requires_capture', needs_review: false });
  });

  it('does not take their refunds and disputes for missing', async () => {
    const id = await left();
    const [made] = await insertRepayments(app, [id]);
    await app.sql(
      `UPDATE refunds SET provider_refund_id = 're_' || id, needs_review = true, review_reason = 'stuck' WHERE id = $1`,
      [made!.refund_id],
    );
    await app.sql(`UPDATE disputes SET needs_review = true, review_reason = 'amount_mismatch' WHERE id = $1`, [
      made!.dispute_id,
    ]);
    await untilOpen(id, ['amount_mismatch', 'hold_expiring', 'stuck']);
    await compare(app);

    await untilOpen(id, ['amount_mismatch', 'hold_expiring', 'stuck']);
  });

  it.each(['payment', 'refund'])(
    'does not take a %s that was missing here for one that is gone there',
    async (type) => {
      const [item] = await insertItems(app, [null]);
      await app.sql(
        `UPDATE reconciliation_items SET kind = 'missing_local', object_type = $2,
         seen = json_build_object('provider', $3::text, 'livemode', $4::text) WHERE id = $1`,
        [item, type, provider, String(livemode)],
      );
      await compare(app);

      const { data } = (await platform.get('/reconciliation/items?kind=missing_local&limit=100')).body;
      expect(data.find(({ id }: any) => id === item)).toMatchObject({ resolved_at: null });
    },
  );

  it('and who asks for one of them hears that nobody can tell', async () => {
    expect(await admin.post(`/payments/${await left()}/sync`)).toMatchObject({
      status: 503,
      body: { code: 'provider_misconfigured' },
    });
  });
});
