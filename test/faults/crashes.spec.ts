import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { crash, CRASH_POINTS, CRASH_TIMINGS, doom, METHODS, nameOf, type Crash } from '../support/crashes.js';
import { brokenInvariants, quiescence } from '../support/payments.js';

/** Set by bin/faults.mjs: where each run is written down, and which part of them is ours. */
const PROGRESS = process.env['FAULTS_PROGRESS'];
const [shard = 1, shards = 1] = (process.env['FAULTS_SHARD'] ?? '1/1').split('/').map(Number);
/** So many processes die at once. */
const AT_ONCE = 6;

const MATRIX: readonly Crash[] = CRASH_POINTS.flatMap((point) =>
  METHODS.flatMap((method) =>
    (['retries', 'gone'] as const).flatMap((client) =>
      (['kept', 'pruned'] as const).map((keys): Crash => ({ point, method, client, keys })),
    ),
  ),
);

const done = new Set(
  PROGRESS && existsSync(PROGRESS)
    ? readFileSync(PROGRESS, 'utf8')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as { name: string; faults: string[] })
        .filter(({ faults }) => faults.length === 0)
        .map(({ name }) => name)
    : [],
);
const ours = MATRIX.filter((run, at) => at % shards === shard - 1 && !done.has(nameOf(run)));
const groups = Array.from({ length: Math.ceil(ours.length / AT_ONCE) }, (_, at) =>
  ours.slice(at * AT_ONCE, (at + 1) * AT_ONCE),
);

let app: TestApp;
let ada: Client;
beforeAll(async () => {
  app = await startApp({ timings: CRASH_TIMINGS });
  ada = await app.signUp();
});

async function written(client: Client, run: Crash): Promise<string[]> {
  const [faults = []] = await crash(app, client, await doom(run.point), [run]).catch((error: Error) => [
    [error.message],
  ]);
  if (PROGRESS) appendFileSync(PROGRESS, `${JSON.stringify({ name: nameOf(run), ...run, faults })}\n`);
  return faults;
}

describe('F1: a process that is killed', () => {
  it.each(groups.map((group) => [group.map(nameOf).join(' | '), group] as const))(
    '%s',
    async (_, group) => {
      // All of it takes longer than a token is good for.
      const client = await ada.again();
      const faults = await Promise.all(group.map((run) => written(client, run)));

      expect(faults).toEqual(group.map(() => []));
    },
    240_000,
  );

  it('leaves the books in order', async () => {
    await quiescence(app);
    expect(await brokenInvariants(app)).toEqual([]);
  }, 120_000);
});
