import { join } from 'node:path';
import { migrate } from '../../src/database/migrate.js';
import { Database } from '../../src/database/database.js';
import { member, newTenant } from '../support/accounts.js';
import { startApp } from '../support/app.js';
import { cleanUp } from '../support/clean-up.js';
import { succeed, type Client } from '../support/client.js';
import { goBy } from '../support/engines.js';
import { PGBOUNCER, Pooler } from '../support/pooler.js';
import { describeWithPrograms } from '../support/topologies.js';
import { times } from '../support/visitors.js';

jest.setTimeout(600_000);

/** Fewer connections to the server than one application has to it. */
const SERVERS = 4;

/** What these go through: scopes, locks, races, work in the background, money. */
const FILES = [
  'auth.login',
  'limits.passwords',
  'outbox',
  'payments.races',
  'profiles',
  'races',
  'sessions',
  'tenants',
  'users.change',
  'users.list',
];

describeWithPrograms(PGBOUNCER)('by way of PgBouncer, which gives a connection for a transaction', () => {
  let pooler: Pooler;
  beforeAll(async () => {
    pooler = await Pooler.start(SERVERS);
    goBy((url) => pooler.by(url));
  });
  afterAll(async () => {
    goBy(undefined);
    await pooler.stop();
  });

  it('tenants that ask at once by few connections see their own rows, and nothing is left of a scope', async () => {
    const app = await startApp({ database: 'own' });
    const tenants = await Promise.all([newTenant(app), newTenant(app), newTenant(app)]);
    const admins: Client[] = [];
    for (const id of tenants) admins.push(await member(app, id, 'admin'));
    const database = app.app.get(Database);
    const unscoped = (): Promise<unknown[]> => database.run((manager) => manager.query('SELECT id FROM users'));
    const seen = await times(300, async (turn) => {
      const admin = admins[turn % 3]!;
      const people = succeed(await admin.get('/users')).data.map(({ id }: { id: string }) => id);
      return people.join() === admin.user.id && (await unscoped()).length === 0;
    });

    expect(new Set(seen)).toEqual(new Set([true]));
    const pools = (await pooler.pools()).filter(({ database: name }) => name.startsWith('omni_test'));
    const servers = pools.map(({ sv_active, sv_idle }) => Number(sv_active) + Number(sv_idle));
    expect(Math.max(...servers)).toBeLessThanOrEqual(SERVERS);
    expect(Math.max(...pools.map(({ cl_active }) => Number(cl_active)))).toBeGreaterThan(SERVERS);
    await app.close();
  });

  it('takes as long as the role may take, since no session of ours can say so', async () => {
    const app = await startApp({ database: 'own' });
    const shown = await app.app.get(Database).call('SHOW statement_timeout');

    expect(shown).toEqual([{ statement_timeout: '7s' }]);
    await app.close();
  });

  it('the owner goes to the server itself: migrations hold a lock of their session', async () => {
    const app = await startApp({ database: 'own' });
    const { POSTGRES_OWNER_URL: ownerUrl, POSTGRES_URL: appUrl } = app.settings;

    expect(new URL(ownerUrl).port).not.toBe(new URL(appUrl).port);
    const reports = await times(4, () => migrate({ ownerUrl, appUrl }));
    expect(reports.flatMap(({ drift }) => drift)).toEqual([]);
    await app.close();
  });

  // As test/support/shares.ts does it.
  for (const file of FILES) {
    describe(`the tests of ${file}`, () => {
      afterAll(cleanUp);
      require(join(__dirname, '../e2e', `${file}.e2e.ts`));
    });
  }
});
