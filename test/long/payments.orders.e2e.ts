import { startApp, type TestApp } from '../support/app.js';
import { bringTo, eventOf } from '../support/bank-events.js';
import { succeed, type Client } from '../support/client.js';
import {
  act,
  brokenInvariants,
  paid,
  pay,
  postings,
  quiescence,
  timesCharged,
  UNHURRIED_PAYMENTS,
  untilStatus,
} from '../support/payments.js';

jest.setTimeout(120_000);

/** What the bank tells, in the order in which it happens: a decline, the payer is asked, fails, is asked again and pays. */
const EVENTS = [
  'requires_payment_method',
  'requires_action',
  'requires_payment_method',
  'requires_action',
  'succeeded',
];
const AT_ONCE = 8;

const ordersOf = (items: readonly number[]): number[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((first) => ordersOf(items.filter((item) => item !== first)).map((rest) => [first, ...rest]));
const ORDERS = ordersOf([...EVENTS.keys()]);

let app: TestApp;
let ada: Client;
let platform: Client;
beforeAll(async () => {
  // The bank itself tells nothing unless it is asked to: what is told, and when, is for the tests to say.
  app = await startApp({ timings: { ...UNHURRIED_PAYMENTS, simulator_poll_ms: 3_600_000 } });
  ada = await app.signUp();
  platform = await app.admin();
});

/** How it has come to its end: the same for everybody, or something is wrong. */
async function story(id: string): Promise<object> {
  const { status, version, amount_captured, needs_review } = await untilStatus(ada, id, 'succeeded');
  const { data } = succeed(await ada.get(`/payments/${id}/timeline`));
  const steps = await app.sql('SELECT to_status FROM payment_transitions WHERE payment_id = $1 ORDER BY version', [id]);
  return {
    payment: { status, version, amount_captured, needs_review },
    steps: steps.map(({ to_status }) => to_status),
    attempts: data.filter(({ type }: any) => type === 'attempt').length,
    charged: await timesCharged(app, id),
    posted: await postings(app, id),
  };
}

/**
 * A payment on its way, to which the five events are told in this order: one at each station, while it is reached. So most
 * come long before or long after what they tell of, or before our own request is answered; of ten one is lost.
 */
async function live(order: readonly number[], number: number): Promise<string> {
  const { payment_id: id } = (await pay(ada, { payment_method: 'pm_sim_declined' })).body;
  const [charge] = await app.sql('SELECT id AS provider_payment_id FROM simulator.charges WHERE payment_id = $1', [id]);
  const tell = async (station: number): Promise<unknown> => {
    const event = order[station]!;
    if ((number + 7 * event) % 10 === 3) return;
    return succeed(await bringTo(app, eventOf(charge, `evt_${id}_${event}`, `payment_intent.${EVENTS[event]}`)));
  };
  const confirm = () => act(ada, id, 'confirm', { payment_method: 'pm_sim_3ds_required' });
  const authenticate = (outcome: string) => platform.post(`/simulator/payments/${id}/authenticate`, { outcome });
  await tell(0);
  await Promise.all([confirm(), tell(1)]);
  await Promise.all([authenticate('fail'), tell(2)]);
  await untilStatus(ada, id, 'requires_payment_method');
  await Promise.all([confirm(), tell(3)]);
  await Promise.all([authenticate('success'), tell(4)]);
  return id;
}

/** The story of each, whatever was told when. */
const ENDED = {
  payment: { status: 'succeeded', version: 8, amount_captured: 4_200, needs_review: false },
  steps: [
    'processing',
    'requires_payment_method',
    'processing',
    'requires_action',
    'requires_payment_method',
    'processing',
    'requires_action',
    'succeeded',
  ],
  attempts: 3,
  charged: 1,
  posted: 1,
};

describe('F10: what the bank tells', () => {
  it.each([...EVENTS.keys()])(
    'in all orders of five events that begin with number %d, early and late, with one of ten lost, ends the same',
    async (first) => {
      const orders = [...ORDERS.entries()].filter(([, order]) => order[0] === first);
      expect(orders).toHaveLength(24);
      for (let at = 0; at < orders.length; at += AT_ONCE) {
        const batch = orders.slice(at, at + AT_ONCE);
        const ids = await Promise.all(batch.map(([number, order]) => live(order, number)));
        expect(await Promise.all(ids.map(story))).toEqual(ids.map(() => ENDED));
        if (at > 0) continue;
        // What the bank has to tell of all that comes last of all, the end first, and tells nobody anything.
        await platform.post('/simulator/webhooks/flush', { order: 'reverse', duplicates: 0, drop: 10 });
        await quiescence(app);
        expect(await Promise.all(ids.map(story))).toEqual(ids.map(() => ENDED));
      }
    },
  );

  it('in any order, with copies and losses, through the levers of the simulator, ends the same', async () => {
    const orders = ['fifo', 'reverse', 'random', 'random'];
    const seen = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const payment = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
      await platform.post(`/simulator/payments/${payment.id}/authenticate`, { outcome: 'success' });
      const flush = { order: orders[round % 4], duplicates: round % 3, drop: round % 2 === 0 ? 10 : 0 };
      await platform.post('/simulator/webhooks/flush', flush);
      seen.add(JSON.stringify(await story(payment.id)));
    }
    await quiescence(app);

    expect([...seen]).toHaveLength(1);
    expect(await brokenInvariants(app)).toEqual([]);
  });
});
