import { randomUUID } from 'node:crypto';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { brokenInvariants, ORDER, pay, postings, quiescence, timesCharged, withKey } from '../support/payments.js';
import { startProcess } from '../support/process.js';
import { times } from '../support/visitors.js';

jest.setTimeout(120_000);

/** On a machine that is busy everything takes long, which is not what these tests are about. */
const PATIENT = {
  payment_answer_ms: 30_000,
  payment_lease_ms: 30_000,
  payment_grace_ms: 120_000,
  pool_wait_ms: 30_000,
};
const API = { PROCESS_ROLE: 'api' };

let app: TestApp;
let ada: Client;
beforeAll(async () => {
  app = await startApp({ timings: PATIENT });
  ada = await app.signUp();
});

/** The one payment with this reference. */
async function onlyOne(reference: string): Promise<string> {
  const payments = await app.sql('SELECT id FROM payments WHERE reference = $1', [reference]);
  expect(payments).toHaveLength(1);
  return payments[0].id;
}

describe('F2: a hundred requests at once with one key, over three processes', () => {
  const REQUESTS = 100;
  const ROUNDS_MS = 12_000;

  it('are one payment; whoever is answered is answered in the same bytes, for ever', async () => {
    const processes = await times(3, () => startProcess({ settings: API, timings: PATIENT }));
    const everywhere = (key: string, body: object): Promise<Answer[]> =>
      times(REQUESTS, (at) =>
        processes[at % processes.length]!.send('POST', '/payments', { token: ada.token, body, headers: withKey(key) }),
      );
    let rounds = 0;
    for (const began = Date.now(); rounds < 3 || (rounds < 50 && Date.now() - began < ROUNDS_MS); rounds++) {
      const [key, reference] = [randomUUID(), randomUUID()];
      const first = await everywhere(key, { ...ORDER, reference });
      const made = first.filter(({ status }) => status === 201);
      const others = first.filter(({ status }) => status !== 201);
      expect(made.length).toBeGreaterThan(0);
      expect(others.filter(({ body }) => body.code !== 'idempotency_in_progress')).toEqual([]);
      const [{ text }] = made as [Answer];
      const repeats = await everywhere(key, { ...ORDER, reference });
      expect(new Set([...made, ...repeats].map((answer) => `${answer.status} ${answer.text}`))).toEqual(
        new Set([`201 ${text}`]),
      );
      expect(repeats.filter(({ headers }) => headers.get('idempotent-replayed') !== 'true')).toEqual([]);

      const id = await onlyOne(reference);
      expect(JSON.parse(text)).toMatchObject({ id, status: 'succeeded' });
      expect(await timesCharged(app, id)).toBe(1);
      expect(await postings(app, id)).toBe(1);
    }
    process.stderr.write(`F2: ${rounds} rounds\n`);
  });
});

describe('F4: a process that is stopped past its lease', () => {
  it.each([
    'key.claimed',
    'payment.created',
    'payment.confirming',
    'simulator.confirm',
    'payment.confirm.answered',
    'payment.applying',
  ])('at %s, and wakes when another has finished, changes nothing: one charge, one posting', async (stop_at) => {
    // What it holds locked in a transaction it holds for a while, which is longer than a statement takes anywhere.
    const timings = { ...PATIENT, payment_lease_ms: 300, statement_ms: 4_000 };
    const zombie = await startProcess({ stop_at, settings: API, timings });
    const [key, reference] = [randomUUID(), randomUUID()];
    const body = { ...ORDER, reference };
    const late = zombie.send('POST', '/payments', { token: ada.token, body, headers: withKey(key) });
    await zombie.stopped;
    const answer = await eventually(
      async () => {
        const tried = await pay(ada, { reference }, key);
        return tried.body.code !== 'idempotency_in_progress' && tried.status !== 503 && tried;
      },
      { within: 60_000 },
    );
    zombie.wake();
    const { status, body: said } = await late;

    expect(answer).toMatchObject({ status: 201, body: { status: 'succeeded', reference } });
    // Overtaken; or, where it slept within a transaction, without its connection.
    expect(`${status} ${said.code}`).toMatch(/^(409 idempotency_in_progress|503 unavailable)$/);
    const id = await onlyOne(reference);
    expect(id).toBe(answer.body.id);
    await quiescence(app);
    expect(await timesCharged(app, id)).toBe(1);
    expect(await postings(app, id)).toBe(1);
    await zombie.kill();
  });
});

it('after all of it the books are in order', async () => {
  await quiescence(app);
  expect(await brokenInvariants(app)).toEqual([]);
});
