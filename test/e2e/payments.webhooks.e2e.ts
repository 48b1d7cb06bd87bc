import { randomUUID } from 'node:crypto';
import { Keyring } from '../../src/common/keyring.js';
import { Bank } from '../../src/payments/bank/bank.js';
import { sign } from '../../src/payments/provider-events/signature.js';
import { startApp, type TestApp } from '../support/app.js';
import { bringTo, eventOf, nowInSeconds as seconds, type Bringing } from '../support/bank-events.js';
import type { Answer, Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import {
  paid,
  pay,
  paymentOf,
  postings,
  quiescence,
  timesCharged,
  UNHURRIED_PAYMENTS,
  untilStatus,
} from '../support/payments.js';
import { PATIENT, times } from '../support/visitors.js';

let app: TestApp;
let ada: Client;
beforeAll(async () => {
  app = await startApp();
  ada = await app.signUp();
});

/** Brings an event as the bank would, or nearly so. */
const bring = (event: object, bringing?: Bringing): Promise<Answer> => bringTo(app, event, bringing);

const rowsOf = (provider_event_id: string): Promise<any[]> =>
  app.sql('SELECT * FROM webhook_events WHERE provider_event_id = $1', [provider_event_id]);

describe('POST /webhooks/simulator', () => {
  it('writes an event down, once, however often it is brought (F10)', async () => {
    const payment = await paid(ada);
    const id = `evt_${randomUUID()}`;
    const answers = await times(100, () => bring(eventOf(payment, id)));

    expect(answers.map(({ status, text }) => `${status} ${text}`)).toEqual(Array(100).fill('200 {"received":true}'));
    const [row] = await rowsOf(id);
    expect(row).toMatchObject({ deliveries: 100, object_id: payment.provider_payment_id });
    expect(await app.sql(`SELECT dedupe_key FROM outbox WHERE dedupe_key LIKE $1 || '%'`, [row.id])).toHaveLength(1);
    await eventually(async () => (await rowsOf(id))[0].status === 'processed');
    expect(await paymentOf(ada, payment.id)).toEqual(payment);
    expect(await postings(app, payment.id)).toBe(1);
  });

  it.each<[string, Bringing]>([
    ['another secret', { by: 'another secret' }],
    ['301 seconds of age', { age_s: 302 }],
    ['301 seconds of the future', { age_s: -400 }],
    ['the same JSON written otherwise', { over: '{ }' }],
  ])('refuses %s, and writes nothing down (F11)', async (_, bringing) => {
    const id = `evt_${randomUUID()}`;
    const answer = await bring(eventOf(await paid(ada), id), bringing);

    expect(answer).toMatchObject({ status: 400, body: { code: 'webhook_signature_invalid' } });
    expect(await rowsOf(id)).toEqual([]);
  });

  it('refuses the other mode, and what has no signature, before it reads a byte (F11)', async () => {
    const id = `evt_${randomUUID()}`;
    const live = await bring({ ...eventOf(await paid(ada), id), livemode: true });
    expect(live.body.code).toBe('webhook_signature_invalid');
    const unsigned = await app.send('POST', '/webhooks/simulator', { body: '{"not": json' });
    expect(unsigned.body.code).toBe('webhook_signature_invalid');
    expect(await rowsOf(id)).toEqual([]);
  });

  it('knows the older secret too while SECRET_KEY is rotated (F11)', async () => {
    const [first, second] = ['first', 'second'].map((kid) => `${kid}:ring-7hG2kQ9xW4mZ8vB1nC5pL3sD6fJ0-${kid}`);
    const rotated = await startApp({ database: 'own', settings: { SECRET_KEY: `${second},${first}` } });
    const keyring = rotated.app.get(Keyring);
    const event = eventOf(await paid(await rotated.signUp()));
    const body = JSON.stringify(event);
    for (const kid of ['first', 'second']) {
      const signature = sign(keyring.derive('simulator-webhooks', kid), seconds(), Buffer.from(body));
      const headers = { 'simulator-signature': signature };
      expect((await rotated.send('POST', '/webhooks/simulator', { body, headers })).status).toBe(200);
    }
    await rotated.close();
  });

  it('takes no more than 256 KiB', async () => {
    const answer = await app.send('POST', '/webhooks/simulator', { body: { padding: 'x'.repeat(256 * 1024) } });
    expect(answer).toMatchObject({ status: 413, body: { code: 'body_too_large' } });
  });

  it('has a limit of its own, and none else counts it', async () => {
    // By itself: the bank's own webhooks of other tests would be counted too.
    const settings = { RATE_LIMIT_WEBHOOKS: '2/1m', RATE_LIMIT_PER_MINUTE: '1' };
    const limited = await startApp({ database: 'own', settings, timings: PATIENT });
    const ask = () => limited.send('POST', '/webhooks/simulator', { body: {} });
    const statuses = [(await ask()).status, (await ask()).status, (await ask()).status];
    expect(statuses).toEqual([400, 400, 429]);
    // Nobody but the bank uses up the bank's.
    const signed = () => bringTo(limited, eventOf({ provider_payment_id: 'pi_sim_nobody' }));
    expect([(await signed()).status, (await signed()).status, (await signed()).status]).toEqual([200, 200, 429]);
    await limited.close();
  });

  it('believes no event: it asks the bank', async () => {
    const payment = await paid(ada, { payment_method: 'pm_sim_3ds_required' });
    await bring(eventOf(payment));
    await quiescence(app);

    expect((await paymentOf(ada, payment.id)).status).toBe('requires_action');
    expect(await postings(app, payment.id)).toBe(0);
  });

  it('lays an event aside that is about nobody’s payment, and one that the bank does not know', async () => {
    const [unknown, foreign] = [`evt_${randomUUID()}`, `evt_${randomUUID()}`];
    await bring(eventOf({ provider_payment_id: 'pi_sim_nobody' }, unknown));
    await eventually(async () => (await rowsOf(unknown))[0].status === 'ignored');

    const patient = await startApp({ timings: { webhook_unmatched_ms: 0 }, database: 'own' });
    const bank = patient.app.get(Bank, { strict: false });
    const charge = await bank
      .once('elsewhere', (books) =>
        bank.create(books, {
          payment_id: randomUUID(),
          tenant_id: randomUUID(),
          amount: 100,
          currency: 'eur',
          capture_method: 'automatic',
        }),
      )
      .catch(() => null);
    expect(charge).not.toBeNull();
    const body = JSON.stringify(eventOf({ provider_payment_id: charge!.id }, foreign));
    const signature = sign(patient.app.get(Keyring).derive('simulator-webhooks'), seconds(), Buffer.from(body));
    await patient.send('POST', '/webhooks/simulator', { body, headers: { 'simulator-signature': signature } });
    const unmatched = () =>
      eventually(async () => {
        const [row] = await patient.sql('SELECT * FROM webhook_events WHERE provider_event_id = $1', [foreign]);
        return row?.status === 'unmatched' && row;
      });
    const { processed_at } = await unmatched();

    // Somebody has it brought once more: by now it may be somebody's.
    await patient.send('POST', '/webhooks/simulator', { body, headers: { 'simulator-signature': signature } });
    await eventually(async () => (await unmatched()).processed_at > processed_at);
    expect(await unmatched()).toMatchObject({ deliveries: 2 });
    await patient.close();
  });

  it('looks at an event that was given up when it is brought again, and the payment follows', async () => {
    // By itself: no reconciler comes first, and the bank is asked again at once when it is back.
    const timings = { reconcile_step_ms: 3_600_000, outbox_give_up_ms: 1_000, provider_pause_ms: 50 };
    const own = await startApp({ database: 'own', timings });
    const [user, platform] = [await own.signUp(), await own.admin()];
    const payment = await paid(user, { payment_method: 'pm_sim_webhook_never' });
    const event = eventOf(payment);
    await platform.post('/simulator/faults', { operation: 'fetch', next_n: 100, fault: 'drop_before' });
    await bringTo(own, event);
    const outbox = () => own.sql(`SELECT status FROM outbox WHERE topic = 'webhooks' ORDER BY created_at`);
    await eventually(async () => (await outbox())[0].status === 'dead', { within: 30_000 });
    await platform.post('/simulator/reset');
    expect((await paymentOf(user, payment.id)).status).toBe('processing');

    expect((await bringTo(own, event)).text).toBe('{"received":true}');
    expect(await untilStatus(user, payment.id, 'succeeded')).toMatchObject({ id: payment.id });
    // It says so itself a moment after the payment does.
    await eventually(async () => {
      const events = await own.sql('SELECT status, deliveries FROM webhook_events');
      expect(events).toEqual([{ status: 'processed', deliveries: 2 }]);
    });
    await bringTo(own, event);
    expect(await outbox()).toHaveLength(2);
    await own.close();
  });
});

describe('F10: what the bank tells', () => {
  it.each([
    ['five times', 'pm_sim_webhook_duplicate'],
    ['the end before the beginning', 'pm_sim_webhook_reordered'],
    ['before it has answered', 'pm_sim_webhook_before_response'],
    ['with a wrong signature', 'pm_sim_webhook_bad_signature'],
    ['as if an hour ago', 'pm_sim_webhook_stale_timestamp'],
  ])('%s has the same end', async (_, payment_method) => {
    const payment = await paid(ada, { payment_method });
    expect(payment.status).toBe('succeeded');
    await quiescence(app);

    expect(await paymentOf(ada, payment.id)).toEqual(payment);
    expect(await timesCharged(app, payment.id)).toBe(1);
    expect(await postings(app, payment.id)).toBe(1);
  });

  it('before the object’s id is committed finds the payment nevertheless', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const slow = await startApp({
      settings: { PROCESS_ROLE: 'api' },
      timings: UNHURRIED_PAYMENTS,
      checkpoints: async (name) => (name === 'payment.create.answered' ? held : undefined),
    });
    const user = await slow.logIn(ada);
    const reference = randomUUID();
    const answer = pay(user, { reference });
    const charge = await eventually(async () => {
      const [row] = await app.sql(
        `SELECT c.id FROM simulator.charges c JOIN payments p ON p.id = c.payment_id WHERE p.reference = $1`,
        [reference],
      );
      return row ?? false;
    });
    const id = `evt_${randomUUID()}`;
    await bring(eventOf({ provider_payment_id: charge.id }, id));
    await eventually(async () => (await rowsOf(id))[0].status === 'processed');
    release();

    expect(await answer).toMatchObject({ status: 201, body: { status: 'succeeded', provider_payment_id: charge.id } });
    expect(await timesCharged(app, (await answer).body.id)).toBe(1);
    await slow.close();
  });
});
