import { Limiter } from '../../src/limits/limiter.js';
import { startApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { mailedTo, signUpWhile, UNHURRIED_MAIL } from '../support/sign-ups.js';
import { describeWithPrograms, REDIS_TOOLS, SentinelTrio } from '../support/topologies.js';
import { askOn, times } from '../support/visitors.js';

jest.setTimeout(240_000);
const FAILOVER = { within: 60_000 };

describeWithPrograms(...REDIS_TOOLS)('three sentinels', () => {
  let trio: SentinelTrio;
  beforeAll(async () => (trio = await SentinelTrio.start()));

  // The one that is killed stays away; the one that hangs comes back as a replica.
  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    'put another primary in the place of one that gets %s: nobody is answered 5xx, and every mail arrives once',
    async (fate) => {
      const app = await startApp({ database: 'own', settings: { REDIS_URL: trio.url }, timings: UNHURRIED_MAIL });
      const limiter = app.app.get(Limiter);
      let over = false;
      const statuses: number[] = [];
      const load = times(2, async () => {
        while (!over) statuses.push((await askOn(app)).status);
      });
      const signUps = signUpWhile(app, () => !over);
      await eventually(() => app.inbox.list().length > 20, FAILOVER);
      const before = await trio.primary();
      before.child.kill(fate);
      await eventually(async () => (await trio.primary()) !== before, FAILOVER);
      await eventually(() => !limiter.degraded, FAILOVER);
      const mailed = app.inbox.list().length;
      await eventually(() => app.inbox.list().length > mailed + 20, FAILOVER);
      before.child.kill('SIGCONT');
      over = true;
      const addresses = await signUps;
      await load;

      expect(await mailedTo(app)).toEqual(addresses.toSorted());
      expect(new Set(statuses)).toEqual(new Set([401]));
      await app.close();
    },
  );
});
