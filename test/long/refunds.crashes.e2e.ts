import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { CRASH_TIMINGS } from '../support/crashes.js';
import { brokenInvariants, quiescence } from '../support/payments.js';
import { crashRefund, REFUND_CRASH_POINTS, type RefundCrash } from '../support/refund-crashes.js';

jest.setTimeout(240_000);

let app: TestApp;
let ada: Client;
let admin: Client;
beforeAll(async () => {
  // Webhooks come when all is over, so that none is faster than whoever is to die.
  app = await startApp({ timings: { ...CRASH_TIMINGS, simulator_poll_ms: 3_600_000 } });
  ada = await app.signUp();
  admin = await app.tenantAdmin();
});

/** Every point, each client; and where it matters most, a bank that forgets. */
const RUNS: readonly RefundCrash[] = [
  ...REFUND_CRASH_POINTS.flatMap((point): RefundCrash[] => [
    { point, client: 'retries', keys: 'kept' },
    { point, client: 'gone', keys: 'kept' },
  ]),
  { point: 'simulator.refund', client: 'retries', keys: 'pruned' },
  { point: 'simulator.refund', client: 'gone', keys: 'pruned' },
];

/** Most of a run is waiting: four at a time. */
const GROUPS = Array.from({ length: RUNS.length / 4 }, (_, at) => RUNS.slice(4 * at, 4 * at + 4));

describe('F1: a process that is killed while it gives money back', () => {
  it.each(GROUPS.map((runs) => [[...new Set(runs.map(({ point }) => point))].join(', '), runs] as const))(
    'at %s gives it back once',
    async (_, runs) => {
      const faults = await Promise.all(runs.map((run) => crashRefund(app, ada, admin, run)));

      expect(runs.map((run, at) => ({ ...run, faults: faults[at] }))).toEqual(
        runs.map((run) => ({ ...run, faults: [] })),
      );
    },
  );

  it('leaves the books in order', async () => {
    await (await app.admin()).post('/simulator/webhooks/flush', {});
    await quiescence(app);
    expect(await brokenInvariants(app)).toEqual([]);
  });
});
