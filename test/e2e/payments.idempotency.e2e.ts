import { randomUUID } from 'node:crypto';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { lockWaits, whileLocked } from '../support/connections.js';
import { act, ORDER, paid, pay, postings, timesCharged, withKey } from '../support/payments.js';

// A busy machine wants its time.
jest.setTimeout(180_000);

/** However busy the machine is, nobody is overtaken but where a test wants it. */
const PATIENT = {
  payment_answer_ms: 60_000,
  payment_lease_ms: 60_000,
  payment_grace_ms: 120_000,
  pool_wait_ms: 30_000,
};

let app: TestApp;
let ada: Client;
let admin: Client;
beforeAll(async () => {
  app = await startApp({ timings: PATIENT });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
});

const paymentsOf = async (client: Client): Promise<number> => {
  const [row] = await app.sql('SELECT count(*)::int FROM payments WHERE owner_id = $1', [client.user.id]);
  return row.count;
};

/** An answer without what every answer has of its own. */
const essence = ({ status, headers, text }: Answer): object => ({
  status,
  text,
  type: headers.get('content-type'),
  location: headers.get('location'),
});

describe('the key', () => {
  it.each<[string, Record<string, string>, string]>([
    ['none', {}, 'idempotency_key_missing'],
    ['an empty one', { 'idempotency-key': '' }, 'idempotency_key_invalid'],
    ['256 characters', { 'idempotency-key': 'x'.repeat(256) }, 'idempotency_key_invalid'],
    ['what is not printable', { 'idempotency-key': 'a\tb' }, 'idempotency_key_invalid'],
    ['what is not ASCII', { 'idempotency-key': 'caf\u00e9' }, 'idempotency_key_invalid'],
    ['quotes around nothing', { 'idempotency-key': '""' }, 'idempotency_key_invalid'],
  ])('%s is 400', async (_, headers, code) => {
    for (const path of ['/payments', `/payments/${randomUUID()}/confirm`, `/payments/${randomUUID()}/cancel`]) {
      expect((await ada.post(path, ORDER, headers)).body).toMatchObject({ status: 400, code });
    }
  });

  it('is the same with quotes and without', async () => {
    const key = randomUUID();
    const first = await pay(ada, {}, key);
    const second = await pay(ada, {}, `"${key}"`);

    expect(second.text).toBe(first.text);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
  });
});

describe('a repeat', () => {
  it('gets the first answer, byte by byte, and the name of the first request', async () => {
    const key = randomUUID();
    const first = await pay(ada, { metadata: { note: 'ü' } }, key);
    const second = await pay(ada, { metadata: { note: 'ü' } }, key);

    expect(first.status).toBe(201);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(essence(second)).toEqual(essence(first));
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.headers.get('original-request')).toBe(first.headers.get('x-request-id'));
    expect(second.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
    expect(await timesCharged(app, first.body.id)).toBe(1);
  });

  it('of a declined payment is declined in the same words, and tries nothing', async () => {
    const key = randomUUID();
    const first = await pay(ada, { payment_method: 'pm_sim_declined' }, key);
    const second = await pay(ada, { payment_method: 'pm_sim_declined' }, key);

    expect(first.status).toBe(402);
    expect(essence(second)).toEqual(essence(first));
    expect(second.body.request_id).toBe(first.headers.get('x-request-id'));
    const { body } = await ada.get(`/payments/${first.body.payment_id}/timeline`);
    expect(body.data.filter(({ type }: any) => type === 'attempt')).toHaveLength(1);
  });

  it('of a confirmation, a capture and a cancellation is one too', async () => {
    const prepared = await paid(ada, { confirm: false });
    const authorized = await paid(ada, { capture_method: 'manual' });
    const other = await paid(ada, { confirm: false });
    const cases = [
      () => act(ada, prepared.id, 'confirm', { payment_method: 'pm_sim_success' }, 'confirm-1'),
      () => act(admin, authorized.id, 'capture', {}, 'capture-1'),
      () => act(ada, other.id, 'cancel', {}, 'cancel-1'),
    ];
    for (const ask of cases) {
      const first = await ask();
      const second = await ask();
      expect(first.status).toBe(200);
      expect(essence(second)).toEqual(essence(first));
      expect(second.headers.get('idempotent-replayed')).toBe('true');
    }
    expect(await timesCharged(app, prepared.id)).toBe(1);
    expect(await timesCharged(app, authorized.id)).toBe(1);
  });

  it('may spell its JSON otherwise', async () => {
    const key = randomUUID();
    const first = await pay(ada, { metadata: { a: '1', b: '2' } }, key);
    const body = `{"metadata":{"b":"2","a":"1"},"payment_method":"pm_sim_success","currency":"EUR","amount":4.2e3}`;
    const second = await ada.post('/payments', body, withKey(key));

    expect(essence(second)).toEqual(essence(first));
  });

  it('is asked for its credential first', async () => {
    const key = randomUUID();
    const eve = await app.signUp();
    await pay(eve, {}, key);
    await eve.post('/auth/logout');

    expect((await pay(eve, {}, key)).body.code).toBe('invalid_token');
  });
});

describe('F3: the same key', () => {
  it('with another body or on another route is refused, and nothing is done', async () => {
    const eve = await app.signUp();
    const key = randomUUID();
    const { id } = await paid(eve, { confirm: false });
    await pay(eve, {}, key);
    const before = await paymentsOf(eve);

    for (const answer of [
      await pay(eve, { amount: 4_201 }, key),
      await pay(eve, { currency: 'USD' }, key),
      await act(eve, id, 'confirm', { payment_method: 'pm_sim_success' }, key),
      await act(eve, id, 'cancel', {}, key),
    ]) {
      expect(answer.body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    }
    expect(await paymentsOf(eve)).toBe(before);
    expect((await eve.get(`/payments/${id}`)).body.status).toBe('requires_confirmation');
  });

  it('of another owner is another key', async () => {
    const key = randomUUID();
    const [one, other] = [await pay(await app.signUp(), {}, key), await pay(await app.signUp(), {}, key)];

    expect([one.status, other.status]).toEqual([201, 201]);
    expect(other.body.id).not.toBe(one.body.id);
  });
});

describe('a request that never began', () => {
  it('leaves the key to the next one', async () => {
    const key = randomUUID();
    for (const wrong of [{ amount: 0 }, { amount: 'x' }, { currency: 'EURO' }, { payment_method: undefined }]) {
      expect((await pay(ada, wrong, key)).body.code).toBe('validation_failed');
    }
    expect((await pay(ada, {}, key)).status).toBe(201);
  });

  it.each<[string, object]>([
    ['amount_too_small', { amount: 1 }],
    ['amount_too_large', { amount: 1_000_000_000_000 }],
    ['amount_not_representable', { amount: 4_201, currency: 'KWD' }],
    ['currency_unsupported', { currency: 'XXX' }],
    ['card_data_forbidden', { description: '4242 4242 4242 4242' }],
  ])('is one that is refused for %s too', async (code, wrong) => {
    const key = randomUUID();
    expect(await pay(ada, wrong, key)).toMatchObject({ status: 422, body: { code } });
    expect((await pay(ada, {}, key)).status).toBe(201);
  });

  it('of a capture or a refund leaves the key too', async () => {
    const { id } = await paid(ada, { currency: 'KWD', capture_method: 'manual' });
    for (const [action, amount] of [['capture', 4_200] as const, ['refunds', 1_000] as const]) {
      const key = randomUUID();
      expect((await act(admin, id, action, { amount: amount - 1 }, key)).body.code).toBe('amount_not_representable');
      expect((await act(admin, id, action, { amount }, key)).body).toMatchObject({ status: 'succeeded' });
    }
  });

  it('is none that is refused for what is stored: the answer is kept', async () => {
    const { id } = await paid(ada, { capture_method: 'manual' });
    const key = randomUUID();
    const first = await act(admin, id, 'capture', { amount: 4_201 }, key);
    expect(first).toMatchObject({ status: 422, body: { code: 'capture_exceeds_authorized' } });
    expect((await act(admin, id, 'capture', { amount: 4_201 }, key)).text).toBe(first.text);
    expect((await act(admin, id, 'capture', {}, key)).body.code).toBe('idempotency_key_reused');
  });
});

describe('what is kept', () => {
  it('is the answer, sealed, and of the request its digest alone', async () => {
    const canary = `canary-${randomUUID()}`;
    const key = randomUUID();
    await pay(ada, { metadata: { canary } }, key);
    const [row] = await app.sql('SELECT * FROM idempotency_keys WHERE key = $1', [key]);

    expect(row).toMatchObject({ recovery_point: 'finished', response_status: 201, owner_id: ada.user.id });
    expect(JSON.stringify(row)).not.toContain(canary);
    expect(row.response_body.toString('latin1')).not.toContain(canary);
  });

  it('goes after 72 hours, and what has no answer stays', async () => {
    const { Retention } = await import('../../src/database/retention/retention.js');
    const [old, young, open] = [randomUUID(), randomUUID(), randomUUID()];
    for (const key of [old, young, open]) await pay(ada, {}, key);
    await app.sql(`UPDATE idempotency_keys SET finished_at = now() - interval '73 hours' WHERE key = $1`, [old]);
    await app.sql(`UPDATE idempotency_keys SET finished_at = now() - interval '71 hours' WHERE key = $1`, [young]);
    await app.app.get(Retention, { strict: false }).sweep();
    const left = await app.sql('SELECT key FROM idempotency_keys WHERE key = ANY($1) ORDER BY finished_at', [
      [old, young, open],
    ]);

    expect(left.map(({ key }) => key)).toEqual([young, open]);
  });
});

describe('a provider that is away', () => {
  it('before any money could move is 503, and the same key goes on where it was', async () => {
    const platform = await app.admin();
    await platform.post('/simulator/faults', { operation: 'create', next_n: 2, fault: 'drop_before' });
    const key = randomUUID();
    const first = await pay(ada, {}, key);
    expect(first).toMatchObject({ status: 503, body: { code: 'provider_unavailable' } });
    expect(first.headers.get('retry-after')).toBe('1');

    const second = await pay(ada, {}, key);
    expect(second).toMatchObject({ status: 201, body: { status: 'succeeded' } });
    expect(await timesCharged(app, second.body.id)).toBe(1);
  });
});

describe('a request that is overtaken', () => {
  it('F4: writes nothing any more, and the key has one charge and one posting', async () => {
    const key = randomUUID();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let reached = (): void => undefined;
    const there = new Promise<void>((resolve) => (reached = resolve));
    const zombie = await startApp({
      settings: { PROCESS_ROLE: 'api' },
      timings: { payment_lease_ms: 300 },
      checkpoints: async (name) => {
        if (name !== 'payment.confirming') return;
        reached();
        await held;
      },
    });
    const paused = zombie.send('POST', '/payments', { token: ada.token, body: ORDER, headers: withKey(key) });
    await there;
    await new Promise((resolve) => setTimeout(resolve, 400));
    const second = await pay(ada, {}, key);
    expect(second).toMatchObject({ status: 201, body: { status: 'succeeded' } });
    release();
    const late = await paused;

    expect(late).toMatchObject({ status: 409, body: { code: 'idempotency_in_progress' } });
    expect(await timesCharged(app, second.body.id)).toBe(1);
    expect(await postings(app, second.body.id)).toBe(1);
    expect((await pay(ada, {}, key)).text).toBe(second.text);
    await zombie.close();
  });

  it('does so under the lock of its key: nobody overtakes it in the middle of a transaction', async () => {
    const { id } = await paid(ada, { confirm: false });
    const key = randomUUID();
    const answer = await whileLocked(app, 'SELECT 1 FROM payments WHERE id = $1 FOR UPDATE', [id], async () => {
      const waiting = act(ada, id, 'confirm', { payment_method: 'pm_sim_success' }, key);
      await lockWaits(app);
      const other = await act(ada, id, 'confirm', { payment_method: 'pm_sim_success' }, key);
      expect(other.body.code).toBe('idempotency_in_progress');
      return { waiting };
    });

    expect((await answer.waiting).body.status).toBe('succeeded');
  });
});
