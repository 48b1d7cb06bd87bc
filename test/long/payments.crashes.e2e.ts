import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { crash, CRASH_POINTS, CRASH_TIMINGS, doom, type Crash, type CrashPoint } from '../support/crashes.js';
import { brokenInvariants, paid, quiescence } from '../support/payments.js';

jest.setTimeout(150_000);

let app: TestApp;
let ada: Client;
beforeAll(async () => {
  app = await startApp({ timings: CRASH_TIMINGS });
  ada = await app.signUp();
  // Opens the accounts of the ledger: of two that open them at once, one would not come as far as the other.
  await paid(ada);
});

/** Of the matrix in test/faults: every point, each client, and where it matters most that the bank forgets. */
const RUNS: readonly Crash[] = [
  ...CRASH_POINTS.flatMap((point): Crash[] => [
    { point, method: 'success', client: 'retries', keys: 'kept' },
    { point, method: 'success', client: 'gone', keys: 'kept' },
  ]),
  { point: 'simulator.create', method: 'success', client: 'retries', keys: 'pruned' },
  { point: 'simulator.confirm', method: 'success', client: 'retries', keys: 'pruned' },
  { point: 'simulator.confirm', method: 'declined', client: 'retries', keys: 'kept' },
];

/** Here the bank answers every time: whoever waits does so for a machine that is busy. */
const PATIENCE_MS = 25_000;

/** So many points at once: most of the time is waiting. */
const AT_ONCE = 6;
const GROUPS = [CRASH_POINTS.slice(0, AT_ONCE), CRASH_POINTS.slice(AT_ONCE)];

/** All runs of each point share one death. */
async function crashAt(points: readonly CrashPoint[]): Promise<object[]> {
  const groups = points.map((point) => RUNS.filter((run) => run.point === point));
  // First all of them, so that no payment waits for another process to start.
  const doomed = await Promise.all(groups.map((runs) => doom(runs[0]!.point, runs.length, PATIENCE_MS)));
  const faults = await Promise.all(groups.map((runs, at) => crash(app, ada, doomed[at]!, runs)));
  return groups.flatMap((runs, at) => runs.map((run, place) => ({ ...run, faults: faults[at]![place] })));
}

describe('F1: a process that is killed', () => {
  it.each(GROUPS.map((points) => [points.join(', '), points] as const))(
    'at %s has neither lost nor doubled money',
    async (_, points) => {
      const seen = await crashAt(points);

      expect(seen).toEqual(seen.map((run) => ({ ...run, faults: [] })));
      expect(seen).toHaveLength(RUNS.filter(({ point }) => points.includes(point)).length);
    },
  );

  it('leaves the books in order', async () => {
    await quiescence(app);
    expect(await brokenInvariants(app)).toEqual([]);
  });
});
