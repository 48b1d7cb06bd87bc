import { randomUUID } from 'node:crypto';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { brokenInvariants, ORDER, postings, timesCharged, withKey } from '../support/payments.js';
import { times } from '../support/visitors.js';

// Hundreds of requests: a busy machine wants its time.
jest.setTimeout(180_000);

/** A hundred wait for each other. */
const PATIENT = {
  payment_answer_ms: 60_000,
  payment_lease_ms: 60_000,
  payment_grace_ms: 120_000,
  pool_wait_ms: 30_000,
};

let app: TestApp;
let ada: Client;
beforeAll(async () => {
  app = await startApp({ timings: PATIENT });
  ada = await app.signUp();
});

describe('F2: a hundred requests at once with one key', () => {
  it('are one payment, one charge and one posting; then all are repeats', async () => {
    const replicas = [app, ...(await times(3, () => startApp({ timings: PATIENT })))];
    for (let round = 0; round < 3; round++) {
      const key = randomUUID();
      const headers = withKey(key);
      const ask = (at: number) =>
        replicas[at % replicas.length]!.send('POST', '/payments', { token: ada.token, body: ORDER, headers });
      const answers = await times(100, ask);
      const made = answers.filter(({ status }) => status === 201);
      const others = answers.filter(({ status }) => status !== 201);

      expect(made.length).toBeGreaterThanOrEqual(1);
      expect(new Set(made.map(({ text }) => text)).size).toBe(1);
      for (const { status, body, headers: got } of others) {
        expect({ status, code: body.code, after: got.get('retry-after') }).toEqual({
          status: 409,
          code: 'idempotency_in_progress',
          after: '1',
        });
      }
      const { id } = made[0]!.body;
      expect(await timesCharged(app, id)).toBe(1);
      expect(await postings(app, id)).toBe(1);
      expect(await app.sql('SELECT 1 FROM idempotency_keys WHERE key = $1', [key])).toHaveLength(1);

      const repeats = await times(100, ask);
      expect(new Set(repeats.map(({ status, text }) => `${status} ${text}`))).toEqual(
        new Set([`201 ${made[0]!.text}`]),
      );
      expect(repeats.every(({ headers: got }) => got.get('idempotent-replayed') === 'true')).toBe(true);
    }
    for (const replica of replicas.slice(1)) await replica.close();
    expect(await brokenInvariants(app)).toEqual([]);
  });
});
